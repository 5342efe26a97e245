//! A hub that alters, repeats or withholds the words by which a session returns what it has not read.

use super::*;

/// Words that say something else than this one, or are not authentic.
fn altered_words(word: &Return) -> Vec<Return> {
    let lies: [fn(&mut ReturnBody); 6] = [
        |body| body.read = u64::MAX,
        |body| (body.read, body.leased) = (0, 0),
        |body| body.leased = u64::MAX,
        |body| body.highest = Seq(0),
        |body| body.highest = Seq(body.highest.0 + 1),
        |body| body.seat.0[0] ^= 1,
    ];
    let altered = lies.map(|lie| {
        let mut body: ReturnBody = decode(&word.body).expect("a body");
        lie(&mut body);
        Return { body: encode(&body).to_vec(), ..word.clone() }
    });
    let forged = Return { mac: [0; 32], ..word.clone() };
    altered.into_iter().chain([forged]).collect()
}

#[tokio::test]
async fn altered_return_word_is_not_believed() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let mut is_returned = false;
    let mut lied_to = LiedTo::new(&home, &hub, move |heard| match from_hub(heard)? {
        // The word alone says that it was read.
        ToBridge::Receipt(receipt) if receipt.kind == ReceiptKind::Read && !is_returned => {
            Some(Vec::new())
        }
        ToBridge::Returned(word) => {
            is_returned = true;
            let lies = altered_words(&word).into_iter().map(ToBridge::Returned);
            Some(lies.map(|lie| encode(&lie)).chain(pass(heard)).collect())
        }
        _ => None,
    })
    .await;
    let ids = lied_to.acquainted.send(&["one", "two"]).await;
    lied_to.acquainted.alice.holds(2).await;
    reads(&lied_to.acquainted.alice, "one").await;
    lied_to.restart(&home).await;
    reads(&lied_to.acquainted.alice, "two").await;
    lied_to.were_read(&ids).await;
}

#[tokio::test]
async fn return_word_that_is_replayed_after_messages_were_sealed_again_changes_nothing() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let mut words = Vec::new();
    let mut lied_to = LiedTo::new(&home, &hub, move |heard| {
        if let ToBridge::Returned(_) = from_hub(heard)? {
            words.push(heard.bytes.clone());
        }
        Some([pass(heard), words.clone()].concat())
    })
    .await;
    let mut ids = lied_to.acquainted.send(&["one", "two"]).await;
    lied_to.acquainted.alice.holds(2).await;
    lied_to.restart(&home).await;
    reads(&lied_to.acquainted.alice, "one").await;
    ids.extend(lied_to.acquainted.send(&["three"]).await);
    lied_to.acquainted.alice.holds(2).await;
    lied_to.restart(&home).await;
    for text in ["two", "three"] {
        reads(&lied_to.acquainted.alice, text).await;
    }
    lied_to.were_read(&ids).await;
}

#[tokio::test]
async fn message_whose_return_is_withheld_is_unconfirmed_until_it_comes_and_never_read() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let withheld: Noted<Vec<ToBridge>> = Arc::default();
    let keep = Arc::clone(&withheld);
    let mut lied_to = LiedTo::new(&home, &hub, move |heard| {
        let word = from_hub(heard).filter(|frame| matches!(frame, ToBridge::Returned(_)))?;
        keep.lock().expect("what is kept").push(word);
        Some(Vec::new())
    })
    .await;
    let lost = lied_to.acquainted.send(&["one"]).await.remove(0);
    lied_to.acquainted.alice.holds(1).await;
    lied_to.restart(&home).await;
    let kept = lied_to.acquainted.send(&["two"]).await;
    reads(&lied_to.acquainted.alice, "two").await;
    let bob = &lied_to.acquainted.bob;
    assert_eq!(bob.receipt(&lost).await["status"], "unconfirmed");
    lied_to.lies.store(false, Ordering::Relaxed);
    let words = withheld.lock().expect("what is kept").clone();
    for word in &words {
        lied_to.proxy.inject(0, word).await;
    }
    eventually("the word corrects the end", async || {
        bob.receipt(&lost).await;
        (bob.statuses(&lost).len() == 2).then_some(())
    })
    .await;
    assert_eq!(bob.statuses(&lost), ["unconfirmed", "expired"]);
    lied_to.were_read(&kept).await;
}
