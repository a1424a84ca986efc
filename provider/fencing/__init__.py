"""The lab's power switch: an endpoint on the host that fence agents in the guests talk to."""
