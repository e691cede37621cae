"""One file per command. Each parses, calls the rooms below, renders; none decides or opens a file."""
