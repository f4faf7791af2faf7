"""Subjects of a check: each file has `findings(case)`; its name is the subject's."""
