"""What jsii is to know. It is imported before cdktf, whose import starts Node.

jsii keeps unpacked packages in the user's home. Below a directory that a group may write, which is all that a umask of
0002 makes, it refuses its own cache and ends with a traceback. A folder that it is told it takes as it is: so it has
one in the checkout, one for each user, since `sudo` and the sandbox are root with the home of another.
"""

import os
from pathlib import Path

CACHE = Path(__file__).resolve().parent.parent / ".cache" / f"jsii-{os.geteuid()}"

os.environ.setdefault("JSII_RUNTIME_PACKAGE_CACHE_ROOT", str(CACHE))
# cdktf-cli 0.21 runs on nothing newer than Node 22; the advice to take a newer one helps nobody.
os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "20")
