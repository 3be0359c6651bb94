"""The page in a real browser: the distribution's Chromium, and an agent in this process."""
