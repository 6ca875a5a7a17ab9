"""What a test is run against."""
