//! The front door: who is let in.

use serde_json::json;

use crate::client::start;

#[tokio::test]
async fn only_well_formed_signatures_for_this_service_are_let_in() {
    let client = start().await;
    let good = client.authorization("eks");
    for (header, code) in [
        (String::new(), "MissingAuthenticationTokenException"),
        ("Bearer x".into(), "IncompleteSignatureException"),
        (good.replace("Signature=", "Sig="), "IncompleteSignatureException"),
        (good.replace("SignedHeaders=host", "SignedHeaders=host;x-missing"), "IncompleteSignatureException"),
        (good.replace("/aws4_request", ""), "IncompleteSignatureException"),
        (good.replace("/eks/", "/ec2/"), "InvalidSignatureException"),
        (good.replace("us-east-1", "mars-north-1"), "InvalidSignatureException"),
        (good.replace("AKIDEXAMPLE", "invalid"), "UnrecognizedClientException"),
    ] {
        let reply = client.send("eks", "GET", "/clusters", "", &[("Authorization", &header)]).await.unwrap();
        assert_eq!((reply.status, reply.header("x-amzn-ErrorType")), (403, Some(code)), "{header}");
    }
    client.ok("ListClusters", json!({})).await;
}

#[tokio::test]
async fn unknown_operations_are_refused_by_name() {
    let client = start().await;
    let reply = client.send("eks", "GET", "/eks-anywhere-subscriptions", "", &[]).await.unwrap();
    assert_eq!((reply.status, reply.header("x-amzn-ErrorType")), (404, Some("UnknownOperationException")));
    assert_eq!(client.simulator.journal()[0].operation, "Unknown");
}

#[tokio::test]
async fn a_body_without_end_is_not_read() {
    let client = start().await;
    let body = "x".repeat(1024 * 1024 + 1);
    // Either the reply arrives, or the connection is reset while the body is still being written.
    if let Ok(reply) = client.send("eks", "POST", "/clusters", &body, &[]).await {
        assert_eq!(reply.status, 413);
    }
    assert!(client.simulator.journal().is_empty());
}
