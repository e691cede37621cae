"""The index: what is known about runs that have ended, in one SQLite file that may be deleted at any moment.

A row is *settled* when its run has ended, is sealed, and nobody was appending when its journal was
folded: then the journal changes only with an announcement in the feed, or under another inode. Every other
run is named here and folded afresh at each read. In doubt nothing here is believed, and all is folded.

Files: schema (tables), sqlite (the library), generations (which file), entry (a journal as a row), packed
(what packs look like), plain (most journals, in one look), rows (of many runs), filling (a new file), survey
(what has moved), refresh (bring up to date, or make), where (filters as SQL), reading (ask).
"""
