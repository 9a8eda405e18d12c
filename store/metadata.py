"""The one collection that all table definitions belong to."""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()
