"""The target (LIO) with its ACLs, and the initiators' sessions."""
