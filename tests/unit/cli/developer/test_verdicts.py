"""What `make test-el9` says at its end."""

import xml.etree.ElementTree as ET

from halab.cli.developer.verdicts import verdicts

# As pytest --junitxml writes it.
REPORT = """<testsuites><testsuite name="pytest" errors="1" failures="1" skipped="2" tests="6">
<testcase classname="tests.e2e.test_10_deployed" name="test_boots" time="1.0" />
<testcase classname="tests.e2e.test_10_deployed" name="test_time" time="1.0"><skipped type="pytest.skip" /></testcase>
<testcase classname="tests.e2e.test_40_shared_filesystem" name="test_dlm"><failure message="x" /></testcase>
<testcase classname="tests.e2e.test_40_shared_filesystem" name="test_mount"><error message="setup">x</error></testcase>
<testcase classname="tests.e2e.test_40_shared_filesystem" name="test_journals" />
<testcase classname="tests.e2e.test_70_fencing" name="test_crash"><skipped type="pytest.skip" /></testcase>
</testsuite></testsuites>"""


def test_verdicts() -> None:
    assert [str(verdict) for verdict in verdicts(ET.fromstring(REPORT).iter("testcase"))] == [
        "passed   deployed: 1 of 1, 1 not run",
        "FAILED   shared filesystem: 2 of 3: test_dlm, test_mount",
        "not run  fencing",
    ]
