"""What a Shem agent imports."""
