"""What tokens cost: prices, break-even, speculation."""
