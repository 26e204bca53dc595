"""Where files of the outside world come in and go out: one careful reader or writer for each kind; and processes."""
