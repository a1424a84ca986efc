"""SELinux: a file that is put in place by rename keeps the label of where it was made.

That is the directory's, and often not the file's own: /etc/hosts is net_conf_t, what is made in /etc is etc_t.
"""

from __future__ import annotations

# Shell: give the files in the arguments the labels that the policy has for them. Debian has no restorecon, EL 9 always.
RELABEL = '! command -v restorecon > /dev/null || restorecon -- "$@"'
