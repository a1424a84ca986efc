"""A part of Debian's archive as an installation tree: what one installation needs, fetched by apt, signed as it was."""
