"""What every report is made of: pictures, tables, a page."""
