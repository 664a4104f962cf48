"""Scripts that measure and write tables; none of them is a test."""
