# shellcheck shell=bash
# What an ordinary user may do on this host: become root, command libvirt's machines, keep processes after log-out.
# Sourced by tools/prepare, which defines say; manager is from tools/packages.sh.
log_in_again="" # what to say at the end, if a right needs a new session

# Names of the variables that say how the network is reached: sudo drops them.
proxy_variables() {
    local name
    for name in {http,https,ftp,all,no}_proxy {HTTP,HTTPS,FTP,ALL,NO}_PROXY; do
        [ -z "${!name:-}" ] || echo "$name"
    done
}

as_root() {
    local kept
    [ "$EUID" -ne 0 ] || { "$@"; return; }
    mapfile -t kept < <(proxy_variables)
    sudo "${kept[@]/#/--preserve-env=}" "$@"
}

may_be_root() {
    [ "$EUID" -eq 0 ] && return
    command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }
}

# In a session of its own there is no terminal on which virsh could ask for a password.
libvirt_lets_in() { setsid --wait virsh --quiet --connect qemu:///system version </dev/null >/dev/null 2>&1; }

among() { # word, words
    local word=$1
    shift
    [[ " $* " == *" $word "* ]]
}

# Debian and Fedora leave libvirt's machines to root and to the members of the group libvirt.
prepare_libvirt_right() {
    local user group
    user=$(id -un)
    group=$(getent group libvirt | cut -d : -f 3)
    if [ -z "$group" ] || among "$group" "$(id -G)" || libvirt_lets_in; then
        return
    fi
    if ! among "$group" "$(id -G "$user")"; then
        if [ "$manager" = none ] || ! may_be_root; then
            log_in_again="libvirt lets $user in after: sudo usermod --append --groups libvirt $user, and a new log-in"
            return
        fi
        say "rights: adding $user to the group libvirt, whose members command this host's virtual machines"
        as_root usermod --append --groups libvirt "$user"
    fi
    # polkit looks into the list of members, the mode of a socket at the session.
    libvirt_lets_in || log_in_again="log in again before make deploy: $user is in the group libvirt, but not in this session yet"
}

# The fencing endpoint is a unit of the user's own systemd, which ends some seconds after the last log-out.
prepare_lingering() {
    local user
    user=$(id -un)
    [ -d /run/systemd/system ] && [ ! -e "/var/lib/systemd/linger/$user" ] || return 0
    if ! systemd_is_let_in; then
        log_in_again="end all sessions of $user and log in again before make deploy: libvirt does not let in this user's systemd"
    elif [ "$manager" = none ] || ! may_be_root; then
        say "rights: fencing ends when $user logs out, until: sudo loginctl enable-linger $user"
    else
        say "rights: keeping $user's units after log-out, for fencing (undo: sudo loginctl disable-linger $user)"
        as_root loginctl enable-linger "$user"
    fi
}

# A systemd that lingers is not started anew at log-in: it has to be in the group by now, unless it does not run yet or
# libvirt's socket is open to all, where polkit decides by the list of members.
systemd_is_let_in() {
    local pid
    [ -z "$(find /run/libvirt -maxdepth 1 -name '*-sock' -not -name '*-admin-sock' -perm -006 2>/dev/null || true)" ] || return 0
    pid=$(systemctl show --property MainPID --value "user@$EUID.service")
    [ "$pid" = 0 ] || among "$(getent group libvirt | cut -d : -f 3)" "$(sed -n 's/^Groups:\s*//p' "/proc/$pid/status")"
}

prepare_rights() {
    [ "$EUID" -ne 0 ] || return 0
    prepare_libvirt_right
    [ -n "$log_in_again" ] || prepare_lingering
}
