"""What a trace of requests is like: its rate and bursts, its lengths, and what a prefix cache would find."""
