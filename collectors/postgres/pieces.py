"""What one question to the server brought, and how the answers of a tier become one reading."""

from __future__ import annotations

from collectors.pieces import Piece, reading_of

__all__ = ["Piece", "reading_of"]
