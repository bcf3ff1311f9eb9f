"""What requests see when prompts and answers share a machine: schedulers, steady states, batches."""
