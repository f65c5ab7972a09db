"""What a load process does on its connections: plain loops over ready sockets, without Trio."""
