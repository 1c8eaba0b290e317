//! The accounts of numbers with two spellings, as WhatsApp has told each session.

use async_trait::async_trait;
use sea_orm::{FromQueryResult, Value};

use super::SeaRepository;
use super::rows::{corrupt, unsigned};
use super::sql::{Sql, number};
use crate::domain::clock::Timestamp;
use crate::domain::id::{Lid, PhoneNumber, SessionName};
use crate::domain::participant::Account;
use crate::domain::port::repository::Result;
use crate::domain::port::spellings::SpellingStore;

/// 0 stands for the name that was not told.
#[derive(FromQueryResult)]
struct Row {
    lid: i64,
    phone: i64,
}

impl Row {
    fn account(&self) -> Result<Account> {
        let lid = Lid::new(unsigned("spellings.lid", self.lid)?);
        let phone = PhoneNumber::new(unsigned("spellings.phone", self.phone)?);
        Account::from_names(lid, phone).ok_or_else(|| corrupt("spellings.phone", self.phone))
    }
}

#[async_trait]
impl SpellingStore for SeaRepository {
    async fn spelling(
        &self,
        session: &SessionName,
        asked: PhoneNumber,
        since: Timestamp,
    ) -> Result<Option<Account>> {
        let sql = Sql::new("SELECT lid, phone FROM spellings WHERE session = ")
            .bind(session.as_str())
            .push(" AND asked = ")
            .bind(number(asked.get()))
            .push(" AND told_time >= ")
            .bind(since.as_micros());
        self.read_one::<Row>(sql).await?.map(|row| row.account()).transpose()
    }

    async fn keep_spelling(
        &self,
        session: &SessionName,
        asked: &[PhoneNumber],
        account: Account,
        time: Timestamp,
    ) -> Result<()> {
        // In one order, as statements of several callers must not deadlock; and each row once.
        let asked: std::collections::BTreeSet<u64> =
            asked.iter().map(|number| number.get()).collect();
        if asked.is_empty() {
            return Ok(());
        }
        let lid = account.lid().map_or(0, |lid| number(lid.get()));
        let phone = account.phone().map_or(0, |phone| number(phone.get()));
        let row = |asked| -> Vec<Value> {
            let time = time.as_micros();
            vec![
                session.as_str().into(),
                number(asked).into(),
                lid.into(),
                phone.into(),
                time.into(),
            ]
        };
        let sql = Sql::new("INSERT INTO spellings (session, asked, lid, phone, told_time) VALUES ")
            .bind_rows(asked.into_iter().map(row).collect::<Vec<_>>())
            .push(
                " ON CONFLICT (session, asked) DO UPDATE SET lid = excluded.lid, phone = excluded.phone, \
                 told_time = excluded.told_time WHERE spellings.told_time <= excluded.told_time",
            );
        self.insist(sql).await.map(drop)
    }
}
