# shellcheck shell=bash
# Which packages the lab needs on its host, by package manager, and how to ask and tell that manager.
# Sourced by tools/prepare, which defines say and sets manager; tools/rights.sh defines as_root.
manager=${manager:-} # apt, dnf, none (present already, says the user), or empty: neither is there

# libvirt's parts, QEMU, the image builder, what libvirt-python is compiled with, what the sandbox uses, and what the
# tests make an installer of and sign an archive with.
readonly APT_PACKAGES=(
    libvirt-daemon-system libvirt-daemon libvirt-daemon-driver-qemu libvirt-clients dnsmasq-base
    qemu-system-x86 qemu-utils
    mmdebstrap debian-archive-keyring e2fsprogs cpio zstd gpgv ca-certificates curl
    libvirt-dev pkg-config gcc libc6-dev
    nftables iptables iproute2 openssh-client util-linux mount procps
    busybox-static gpg gpg-agent
)
# Parts that newer releases split off: wanted where the release has them.
readonly APT_SPLIT_PACKAGES=(
    libvirt-daemon-common libvirt-daemon-log libvirt-daemon-driver-network libvirt-daemon-driver-storage
)
# What shows the console's page to its tests; only developers get it. A release without it (Ubuntu has it as a snap only)
# goes without, and those tests are skipped there.
readonly DEVELOPER_PACKAGES=(chromium)
readonly DNF_PACKAGES=(
    libvirt-daemon libvirt-daemon-driver-qemu libvirt-daemon-driver-network libvirt-daemon-driver-storage-core
    libvirt-client dnsmasq
    qemu-kvm qemu-img
    mmdebstrap dpkg apt debian-keyring e2fsprogs cpio zstd ca-certificates curl
    libvirt-devel pkgconf-pkg-config gcc
    nftables iptables-nft iproute openssh-clients util-linux procps-ng
)

package_manager() {
    if [ "${HALAB_PACKAGES:-}" = present ]; then
        echo none # installed by hand, says the user
    elif command -v apt-get >/dev/null; then
        echo apt
    elif command -v dnf >/dev/null; then
        echo dnf
    fi
}

host_packages() {
    case $manager in
    apt)
        printf '%s\n' "${APT_PACKAGES[@]}"
        # Whoever builds the image without being root needs newuidmap.
        [ "$EUID" -eq 0 ] || echo uidmap
        apt-cache --quiet=0 pkgnames libvirt-daemon 2>/dev/null | grep -Fx -f <(printf '%s\n' "${APT_SPLIT_PACKAGES[@]}") || true
        ;;
    dnf) printf '%s\n' "${DNF_PACKAGES[@]}" ;;
    esac
}

developer_packages() {
    local name
    for name in "${DEVELOPER_PACKAGES[@]}"; do
        [ "$manager" = none ] || [ -z "$(available_version "$name")" ] || echo "$name"
    done
}

# The headers and venv module of a distribution's own Python; a Python from elsewhere brings its own.
python_packages() {
    local name
    name=$("$1" -c 'import sys; print("python%d.%d" % sys.version_info[:2] if sys.base_prefix == "/usr" else "")')
    [ -n "$name" ] || return 0
    case $manager in
    apt) printf '%s\n' "$name-dev" "$name-venv" ;;
    dnf) development_package "$name" ;;
    esac
}

development_package() {
    case $manager in
    apt) echo "$1-dev" ;;
    # The default Python's package carries no minor version.
    dnf) if [ "$(readlink /usr/bin/python3)" = "$1" ]; then echo python3-devel; else echo "$1-devel"; fi ;;
    esac
}

# Name and version of the newest Python that the distribution offers under a fixed name.
python_offer() {
    case $manager in
    apt) echo "python3 $(available_version python3)" ;;
    dnf) echo "python3.12 $(available_version python3.12)" ;;
    *) echo ;;
    esac
}

available_version() {
    case $manager in
    # apt translates what it says.
    apt) LC_ALL=C apt-cache policy "$1" | sed -n 's/^ *Candidate: \([0-9]*:\)\{0,1\}\([0-9][0-9.]*\).*/\2/p' ;;
    dnf) dnf --quiet repoquery --latest-limit 1 --queryformat '%{version}\n' "$1" 2>/dev/null | head -n 1 ;;
    esac
}

not_installed() {
    case $manager in
    apt) printf '%s\n' "$@" | grep -Fxv -f <(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null | sed -n 's/^installed //p') || true ;;
    dnf)
        local package
        for package in "$@"; do rpm --query --quiet --whatprovides "$package" || echo "$package"; done
        ;;
    esac
}

# A fresh cloud image has no package lists: nothing looks as if it could be installed. Of what `apt-get update` would
# get, apt names what is there.
# shellcheck disable=SC2016 # apt expands it
refresh_lists() {
    if [ "$manager" != apt ] || [ -n "$(apt-get indextargets --format '$(FILENAME)' 'Created-By: Packages')" ] || ! may_be_root; then
        return 0
    fi
    say "packages: there are no package lists, getting them"
    as_root apt-get update -qq
}

# What apt and dpkg tell of each package goes into a file, and is shown if they fail.
install_packages() {
    local log=.cache/packages.log
    if ! install_quietly "$@" >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        echo "prepare: the packages could not be installed; all that was said: $log" >&2
        return 1
    fi
}

install_quietly() {
    case $manager in
    apt)
        as_root apt-get update -qq &&
            as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$@"
        ;;
    dnf) as_root dnf install -y --quiet --setopt=install_weak_deps=False "$@" ;;
    esac
}
