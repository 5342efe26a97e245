//! Tests that hold by each of a hub's doors.

/// Tests of these names, one by each door, out of functions that take a [`Door`](crate::harness::Door).
macro_rules! by_both_doors {
    ($($name:ident)*) => {
        mod without_tls {
            $(#[tokio::test]
            async fn $name() {
                super::$name(crate::harness::Door::Plain).await;
            })*
        }

        mod within_tls {
            $(#[tokio::test]
            async fn $name() {
                super::$name(crate::harness::Door::Tls).await;
            })*
        }
    };
}

pub(crate) use by_both_doors;
