//! `reservations`

use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "reservations")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub key_name: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub session: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub rpc: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub request_id: String,
    pub body_sha256: Vec<u8>,
    pub group_id: String,
    /// All 64 bits of it, so it may be negative here.
    pub incarnation: i64,
    pub deadline: i64,
    /// Whether `answer` holds one.
    pub answered: bool,
    pub answer: Vec<u8>,
    pub expire_time: i64,
    /// All 64 bits of it too.
    pub nonce: i64,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
