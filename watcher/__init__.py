"""The watcher: live, gapless streams of records from a cursor."""
