"""Requests in time: what arrives (synthetic or from traces), and what a prefix cache finds of it."""
