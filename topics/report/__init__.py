"""What is drawn: pictures, and pages that hold all they show."""
