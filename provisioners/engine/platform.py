"""What differs between distributions: one frozen table each. Distribution names appear nowhere else."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace

from halab.provisioners.engine.durable import KEEP, KEPT
from halab.provisioners.engine.errors import NotSupported

# What update-ca-certificates comes to for one more certificate. It makes the whole store anew, which takes an emulated
# guest 20 to 200 s; this takes one.
_ADD_TO_CA_BUNDLE = f"""# add the certificate to the trust store
{KEEP}store=/etc/ssl/certs; name=$(basename -- "$1" .crt); n=0
ln -sfn -- "$1" "$store/$name.pem"
hash=$(openssl x509 -noout -hash -in "$1")
while [ -e "$store/$hash.$n" ] && ! [ "$store/$hash.$n" -ef "$1" ]; do n=$((n + 1)); done
ln -sfn -- "$name.pem" "$store/$hash.$n"
cat -- "$store/ca-certificates.crt" "$1" > "$store/ca-certificates.crt.halab-new"
keep "$store/ca-certificates.crt"
"""
_DROP_FROM_CA_BUNDLE = f"""# take the certificate out of the trust store
{KEEP}store=/etc/ssl/certs; name=$(basename -- "$1" .crt)
awk 'NR == FNR {{ ours = ours $0 "\\n"; next }}
  /BEGIN CERTIFICATE/ {{ inside = 1; block = "" }}
  inside {{ block = block $0 "\\n" }}
  !inside {{ print }}
  /END CERTIFICATE/ {{ inside = 0; if (block != ours) printf "%s", block }}' "$1" "$store/ca-certificates.crt" \\
  > "$store/ca-certificates.crt.halab-new"
keep "$store/ca-certificates.crt"
find "$store" -maxdepth 1 -lname "$name.pem" -delete
rm -f -- "$store/$name.pem" "$1"
{KEPT}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """Names and paths of one distribution release."""

    name: str
    family: str  # "debian" or "el"
    package_query: tuple[str, ...] = ("dpkg-query", "-W", "-f", "${db:Status-Abbrev} ${Package} ${Version}\\n")
    package_install: tuple[str, ...] = (
        "env",
        "DEBIAN_FRONTEND=noninteractive",
        "apt-get",
        "install",
        "-y",
        "-q",
        "--no-install-recommends",
    )
    package_refresh: tuple[str, ...] = ("apt-get", "update", "-q")
    apache_package: str = "apache2"
    apache_unit: str = "apache2"
    apache_binary: str = "/usr/sbin/apache2"
    apache_config: str = "/etc/apache2/apache2.conf"
    apache_conf_dir: str = "/etc/apache2/conf-enabled"
    apache_default_site: str | None = "/etc/apache2/sites-enabled/000-default.conf"
    apache_modules: str = "/usr/lib/apache2/modules"  # absolute, or below Apache's ServerRoot
    apache_user: str = "www-data"
    lio_unit: str = "rtslib-fb-targetctl"
    lio_saveconfig: str = "/etc/rtslib-fb-target/saveconfig.json"
    iscsid_unit: str = "iscsid"
    iscsi_login_unit: str = "open-iscsi"
    iscsi_node_db: str = "/var/lib/iscsi/nodes"
    sbd_config: str = "/etc/default/sbd"
    chrony_unit: str = "chrony"
    chrony_config: str = "/etc/chrony/chrony.conf"
    ssh_unit: str = "ssh"
    lvm_uses_devices_file: bool = False
    firewall: str = "nftables"  # "nftables" or "firewalld"
    ca_trust_dir: str = "/usr/local/share/ca-certificates"
    ca_trust_store: str = "/etc/ssl/certs/ca-certificates.crt"
    ca_trust_update: tuple[str, ...] = ("update-ca-certificates",)
    # A script that adds the one certificate $1 to a store that lacks it; None: only the whole store can be made anew.
    ca_trust_add: str | None = _ADD_TO_CA_BUNDLE
    ca_trust_drop: str | None = _DROP_FROM_CA_BUNDLE  # the same for taking $1 out
    qnetd_options: str = "/etc/default/corosync-qnetd"
    corosync_default_to_clear: bool = True  # the package ships and starts a one-node cluster
    shared_mount_options: str = "noatime"  # of the shared file system with the site's pages


DEBIAN_13 = Platform(name="Debian 13", family="debian")
DEBIAN_12 = replace(DEBIAN_13, name="Debian 12", iscsi_node_db="/etc/iscsi/nodes")
EL_9 = Platform(
    name="EL 9",
    family="el",
    package_query=("rpm", "-qa", "--qf", "ii  %{NAME} %{VERSION}-%{RELEASE}\\n"),
    package_install=("dnf", "install", "-y", "-q"),
    package_refresh=("dnf", "makecache", "-q"),
    apache_package="httpd",
    apache_unit="httpd",
    apache_binary="/usr/sbin/httpd",
    apache_config="/etc/httpd/conf/httpd.conf",
    apache_conf_dir="/etc/httpd/conf.d",
    apache_default_site=None,
    apache_modules="modules",
    apache_user="apache",
    lio_unit="target",
    lio_saveconfig="/etc/target/saveconfig.json",
    iscsi_login_unit="iscsi",
    sbd_config="/etc/sysconfig/sbd",
    chrony_unit="chronyd",
    chrony_config="/etc/chrony.conf",
    ssh_unit="sshd",
    lvm_uses_devices_file=True,
    firewall="firewalld",
    ca_trust_dir="/etc/pki/ca-trust/source/anchors",
    ca_trust_store="/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    ca_trust_update=("update-ca-trust", "extract"),
    ca_trust_add=None,
    ca_trust_drop=None,
    qnetd_options="/etc/sysconfig/corosync-qnetd",
    corosync_default_to_clear=False,
    # Labels for all files at once, as RHEL's "Configuring GFS2 file systems" has it: a label of each would have to be
    # read from the shared disk.
    shared_mount_options="noatime,context=system_u:object_r:httpd_sys_content_t:s0",
)
# The values of the setting image.suite.
BY_SUITE: Mapping[str, Platform] = {"trixie": DEBIAN_13, "bookworm": DEBIAN_12, "el9": EL_9}

_TABLE = {("debian", "13"): DEBIAN_13, ("debian", "12"): DEBIAN_12}
_EL_IDS = frozenset({"rhel", "almalinux", "rocky", "centos"})


def detect(os_release: str, host: str = "host") -> Platform:
    """The platform of a host from the text of its /etc/os-release."""
    fields = dict(word.split("=", 1) for word in shlex.split(os_release, comments=True) if "=" in word)
    name, version = fields.get("ID", ""), fields.get("VERSION_ID", "").split(".")[0]
    if name in _EL_IDS and version == "9":
        return EL_9
    if (known := _TABLE.get((name, version))) is None:
        raise NotSupported(
            f"{host}: {fields.get('PRETTY_NAME', name or 'unknown system')} is not supported",
            "halab configures Debian 12, Debian 13 and EL 9 guests. Choose one with image.suite.",
        )
    return known
