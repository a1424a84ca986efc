"""Picking diagnostics and summaries from cdktf's output."""

from halab.cli.terraform.terraform_output import OutputFilter, without_colour

# Captured from cdktf 0.21 with Terraform 1.11; what it looks like is the point.
FAILED = """\
toy  \x1b[0m\x1b[1mInitializing the backend...\x1b[0m
     \x1b[1mPlan:\x1b[0m 3 to add, 0 to change, 0 to destroy.
toy  \x1b[0m\x1b[1mterraform_data.d1: Creating...\x1b[0m\x1b[0m
toy  \x1b[31m╷\x1b[0m\x1b[0m
     \x1b[31m│\x1b[0m \x1b[0m\x1b[1m\x1b[31mError: \x1b[0m\x1b[0m\x1b[1mError in function call\x1b[0m
     \x1b[31m│\x1b[0m \x1b[0m
     \x1b[31m│\x1b[0m \x1b[0m\x1b[0m  on cdk.tf.json line 17, in output.bad:
     \x1b[31m╵\x1b[0m\x1b[0m
0 Stacks deploying     1 Stack done     0 Stacks waiting
"""


def test_a_diagnostic_is_shown_whole_and_creating_is_not() -> None:
    chosen = OutputFilter()
    shown = [text for line in FAILED.splitlines() if (text := chosen.shown(without_colour(line)))]
    assert shown == [
        "Plan: 3 to add, 0 to change, 0 to destroy.",
        "│ Error: Error in function call",
        "│",
        "│   on cdk.tf.json line 17, in output.bad:",
    ]
    assert chosen.told_error


def test_a_warning_is_no_error() -> None:
    chosen = OutputFilter()
    for line in ("╷", "│ Warning: old", "╵"):
        chosen.shown(line)
    assert not chosen.told_error
