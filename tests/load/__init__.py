"""Load: users of REST (locust) and live streams that pace themselves (asyncio), both checking answers."""
