"""People: users and their role grants, grid duties and leave covers, devices and sign-ins."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Boolean, Date, ForeignKey, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from gridwatch.db.base import Base, Id, Instant, Json
from gridwatch.db.feed import Fed


class User(Fed, Base):
    """A person who signs in. Root of the document kind `profile`."""

    __tablename__ = "user_account"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    username: Mapped[str] = mapped_column(String(64), nullable=False, unique=True)
    name: Mapped[str] = mapped_column(String(60), nullable=False)
    password_hash: Mapped[str | None] = mapped_column(String(200))
    disabled_at: Mapped[datetime | None] = mapped_column(Instant)
    grants: Mapped[list[RoleGrant]] = relationship(
        back_populates="user", lazy="selectin", order_by="RoleGrant.id", cascade="all, delete-orphan"
    )


class RoleGrant(Base):
    """One role of one person, within an area or a department. `deputy` marks the stand-in of a designated receiver."""

    __tablename__ = "role_grant"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("user_account.id"), nullable=False, index=True)
    role: Mapped[str] = mapped_column(String(24), nullable=False)
    area_code: Mapped[str | None] = mapped_column(ForeignKey("area.code"))
    area_path: Mapped[str | None] = mapped_column(String(64))
    department_code: Mapped[str | None] = mapped_column(ForeignKey("department.code"))
    deputy: Mapped[bool] = mapped_column(Boolean, nullable=False, default=False)
    user: Mapped[User] = relationship(back_populates="grants")
    __table_args__ = (
        UniqueConstraint("user_id", "role", "area_code", "department_code"),
        Index("ix_role_grant_role_area", "role", "area_path"),
        Index("ix_role_grant_role_department", "role", "department_code"),
    )


class GridDuty(Base):
    """A person is responsible for a grid from one day to another (both included); `covers` names whom he stands in for.

    What a phone may hold is read from these rows at each request, never kept elsewhere.
    """

    __tablename__ = "grid_duty"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("user_account.id"), nullable=False)
    grid_code: Mapped[str] = mapped_column(String(20), nullable=False, index=True)
    from_on: Mapped[date] = mapped_column(Date, nullable=False)
    to_on: Mapped[date | None] = mapped_column(Date)
    covers: Mapped[str | None] = mapped_column(ForeignKey("user_account.id"))
    __table_args__ = (UniqueConstraint("user_id", "grid_code", "from_on"),)


class Device(Base):
    """A phone (or a browser) of one person. The id is made by the device; the pair is the key, since phones are shared."""

    __tablename__ = "device"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("user_account.id"), primary_key=True)
    name: Mapped[str] = mapped_column(String(80), nullable=False, default="")
    platform: Mapped[str] = mapped_column(String(40), nullable=False, default="")
    app_build: Mapped[int] = mapped_column(Integer, nullable=False, default=0)
    first_seen_at: Mapped[datetime] = mapped_column(Instant, nullable=False)
    last_seen_at: Mapped[datetime] = mapped_column(Instant, nullable=False)  # last sign-in or refresh
    revoked_at: Mapped[datetime | None] = mapped_column(Instant)


class SignIn(Base):
    """One sign-in: a family of tokens on one device. `generation` is that of the newest refresh token, counted from 0.

    No refresh token is kept, not even hashed: each is an HMAC over the family and its generation (tokens.py). `used` holds
    when the last generations before the newest were first used, newest last.
    """

    __tablename__ = "sign_in"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("user_account.id"), nullable=False)
    device_id: Mapped[str] = mapped_column(Id, nullable=False)
    generation: Mapped[int] = mapped_column(Integer, nullable=False)
    used: Mapped[list[str]] = mapped_column(Json, nullable=False)
    refresh_expires_at: Mapped[datetime] = mapped_column(Instant, nullable=False, index=True)
    started_at: Mapped[datetime] = mapped_column(Instant, nullable=False)
    ended_at: Mapped[datetime | None] = mapped_column(Instant, index=True)
    end_reason: Mapped[str | None] = mapped_column(String(20))
    __table_args__ = (Index("ix_sign_in_user_device", "user_id", "device_id"),)


class AccessToken(Base):
    """A short-lived access token of a sign-in, by its hash."""

    __tablename__ = "access_token"
    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    sign_in_id: Mapped[str] = mapped_column(ForeignKey("sign_in.id", ondelete="CASCADE"), nullable=False, index=True)
    expires_at: Mapped[datetime] = mapped_column(Instant, nullable=False, index=True)


class SignInFailure(Base):
    """Failed tries for one name, known or not, and until when the name is paused. `failed_at` holds those of 15 minutes."""

    __tablename__ = "sign_in_failure"
    username: Mapped[str] = mapped_column(String(64), primary_key=True)
    failed_at: Mapped[list[str]] = mapped_column(Json, nullable=False)
    last_at: Mapped[datetime] = mapped_column(Instant, nullable=False, index=True)
    locked_until: Mapped[datetime | None] = mapped_column(Instant)
