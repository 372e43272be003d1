# the built browser application (written by the web room)
