"""What result files hold: runs of benchmark tools as they were read, recomputed and doubted."""
