"""The simulator: its core on a clock that moves by hand, and its sockets with a real client."""
