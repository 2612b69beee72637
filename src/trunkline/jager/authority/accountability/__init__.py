"""The accountability authority: opens records under rules that anybody can check, and signs verdicts."""
