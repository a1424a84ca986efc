"""What every item stands on: commands, steps, hosts, SSH, looking, errors. Knows no subject."""
