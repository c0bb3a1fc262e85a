"""Types of kaiwu.inspur.com/v1."""
