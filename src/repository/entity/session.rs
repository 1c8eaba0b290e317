//! `sessions`

use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sessions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    pub engine: String,
    pub status: String,
    pub status_reason: String,
    pub status_time: i64,
    /// 0 where it is not known.
    pub account_lid: i64,
    /// 0 where it is not known.
    pub account_phone: i64,
    pub push_name: String,
    /// A JSON object of texts.
    pub metadata: String,
    pub wanted: bool,
    pub sequence: i64,
    pub revision: i64,
    pub epoch: i64,
    pub create_time: i64,
    /// 0 while the session exists.
    pub deleted_time: i64,
    /// 0 before the first comparison in full.
    pub synced_time: i64,
    /// JSON; empty where all of the engine's settings are at their defaults.
    pub config: String,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
