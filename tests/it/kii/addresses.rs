//! E-mail addresses and phone numbers, and passwords that were forgotten.

use std::time::Duration;

use serde_json::json;

use super::*;

async fn verifying() -> World {
    World::with(&[("kii_email_verification", "true"), ("kii_phone_verification", "true")]).await
}

async fn with_address(w: &World, name: &str, address: &str) -> Person {
    let body = json!({"loginName": name, "emailAddress": address, "password": PASSWORD});
    let id = w.sign_up(body).await;
    let token = text(&w.log_in(name, PASSWORD).await.expect(200).json(), "access_token");
    w.holder(id, token)
}

#[tokio::test]
async fn an_address_counts_once_its_code_came_back() {
    let w = verifying().await;
    let alone = w
        .anybody()
        .post(
            &w.at("users"),
            json!({"emailAddress": "m@x.example", "password": PASSWORD}),
        )
        .await;
    refused(alone, 400, "ValidationException", "INVALID_INPUT_DATA");
    let mika = with_address(&w, "mika", "m@x.example").await;
    let shown = w.me(&mika).await;
    assert_eq!(
        (&shown["emailAddress"], &shown["emailAddressVerified"]),
        (&json!("m@x.example"), &json!(false))
    );
    let mail = w.mails().pop().unwrap();
    assert!(mail.contains("To: m@x.example"), "{mail}");
    let code = w.code();
    let path = w.at("users/me/email-address");
    let verify = format!("{path}/verify");
    let by_admin = w
        .admin()
        .await
        .get(&w.at(&format!("users/{}/email-address/verification-code", mika.id)))
        .await;
    assert_eq!(by_admin.expect(200).json(), json!({"verificationCode": code}));
    unauthorized(mika.client.get(&format!("{path}/verification-code")).await);
    let wrong = mika.client.post(&verify, json!({"verificationCode": "00000000"})).await;
    let said = refused(
        wrong,
        403,
        "InvalidVerificationCodeException",
        "INVALID_VERIFICATION_CODE",
    );
    assert_eq!(said.get("verificationCode"), None, "what was sent is not said again");
    let media_type = "application/vnd.kii.AddressVerificationRequest+json";
    let reply = vendor(
        &mika.client,
        "POST",
        &verify,
        media_type,
        json!({"verificationCode": code}),
    )
    .await
    .expect(200);
    assert_eq!(
        reply.header("content-type"),
        "application/vnd.kii.AddressVerificationResponse+json"
    );
    assert_eq!(
        mika.client.get(&path).await.expect(200).json(),
        json!({"emailAddress": "m@x.example", "verified": true})
    );
    let again = mika.client.post(&verify, json!({"verificationCode": code})).await;
    refused(again, 400, "InvalidAccountStatusException", "INVALID_ACCOUNT_STATUS");
    w.log_in("m@x.example", PASSWORD).await.expect(200);
}

#[tokio::test]
async fn a_changed_address_waits_beside_the_one_that_is_proved() {
    let w = verifying().await;
    let mika = with_address(&w, "mika", "old@x.example").await;
    let verify = w.at("users/me/email-address/verify");
    mika.client
        .post(&verify, json!({"verificationCode": w.code()}))
        .await
        .expect(200);
    let change = json!({"emailAddress": "new@x.example", "verified": true});
    put(&mika.client, &w.at("users/me/email-address"), change)
        .await
        .expect(204);
    let shown = w.me(&mika).await;
    assert_eq!(
        (&shown["emailAddress"], &shown["emailAddressVerified"]),
        (&json!("old@x.example"), &json!(true))
    );
    assert_eq!(
        shown["_emailAddressPending"], "new@x.example",
        "a person does not verify by saying so"
    );
    let first = w.code();
    mika.client
        .post(&w.at("users/me/email-address/resend-verification"), ())
        .await
        .expect(204);
    let second = w.code();
    assert_ne!(first, second);
    let stale = mika.client.post(&verify, json!({"verificationCode": first})).await;
    refused(
        stale,
        403,
        "InvalidVerificationCodeException",
        "INVALID_VERIFICATION_CODE",
    );
    mika.client
        .post(&verify, json!({"verificationCode": second}))
        .await
        .expect(200);
    let shown = w.me(&mika).await;
    assert_eq!(
        (&shown["emailAddress"], shown.get("_emailAddressPending")),
        (&json!("new@x.example"), None)
    );
    invalid_grant(w.log_in("old@x.example", PASSWORD).await);
    w.log_in("new@x.example", PASSWORD).await.expect(200);
}

#[tokio::test]
async fn of_two_who_claim_an_address_the_first_to_verify_it_has_it() {
    let w = verifying().await;
    let mika = with_address(&w, "mika", "both@x.example").await;
    let of_mika = w.code();
    let nina = with_address(&w, "nina", "both@x.example").await;
    let of_nina = w.code();
    let verify = w.at("users/me/email-address/verify");
    nina.client
        .post(&verify, json!({"verificationCode": of_nina}))
        .await
        .expect(200);
    let late = mika.client.post(&verify, json!({"verificationCode": of_mika})).await;
    let said = refused(late, 409, "UserAlreadyExistsException", "USER_ALREADY_EXISTS");
    assert_eq!(
        (&said["field"], &said["value"]),
        (&json!("emailAddress"), &json!("both@x.example"))
    );
    let token = w.log_in("both@x.example", PASSWORD).await.expect(200).json();
    assert_eq!(token["id"], nina.id.as_str());
}

#[tokio::test]
async fn a_code_is_tried_ten_times_and_no_more() {
    let w = verifying().await;
    let mika = with_address(&w, "mika", "m@x.example").await;
    let verify = w.at("users/me/email-address/verify");
    for _ in 0..10 {
        let wrong = mika.client.post(&verify, json!({"verificationCode": "00000000"})).await;
        refused(
            wrong,
            403,
            "InvalidVerificationCodeException",
            "INVALID_VERIFICATION_CODE",
        );
    }
    let right = mika.client.post(&verify, json!({"verificationCode": w.code()})).await;
    refused(
        right,
        404,
        "VerificationCodeNotFoundException",
        "VERIFICATION_CODE_NOT_FOUND",
    );
}

#[tokio::test]
async fn the_code_of_a_phone_number_is_the_administrators_to_hand_on() {
    let w = verifying().await;
    let mika = w.person("mika").await;
    let path = w.at("users/me/phone-number");
    let none = mika.client.get(&path).await;
    refused(none, 404, "UserWithoutAddressException", "USER_ADDRESS_NOT_FOUND");
    let media_type = "application/vnd.kii.PhoneNumberModificationRequest+json";
    vendor(
        &mika.client,
        "PUT",
        &path,
        media_type,
        json!({"phoneNumber": "+819012345678"}),
    )
    .await
    .expect(204);
    assert_eq!(
        mika.client.get(&path).await.expect(200).json(),
        json!({"phoneNumber": "+819012345678", "verified": false})
    );
    let resend = mika.client.post(&format!("{path}/resend-verification"), ()).await;
    refused(resend, 501, "", "OPERATION_NOT_IMPLEMENTED");
    let admin = w.admin().await;
    let reset = w.at(&format!("users/{}/phone-number/reset-verification-code", mika.id));
    let code = admin.post(&reset, ()).await.expect(200).json();
    mika.client.post(&format!("{path}/verify"), code).await.expect(200);
    assert_eq!(w.me(&mika).await["phoneNumberVerified"], true);
    let pseudo = w.pseudo().await;
    let named = put(&pseudo.client, &path, json!({"phoneNumber": "+819012345679"})).await;
    refused(named, 409, "OperationNotAllowedException", "OPERATION_NOT_ALLOWED");
}

#[tokio::test]
async fn a_forgotten_password_is_replaced_by_the_code_in_a_mail() {
    let w = World::new().await;
    let body = json!({"loginName": "mika", "emailAddress": "m@x.example", "password": PASSWORD});
    w.sign_up(body).await;
    let token = text(&w.log_in("mika", PASSWORD).await.expect(200).json(), "access_token");
    let path = w.at("users/EMAIL:m@x.example/password");
    let ask = async || {
        let headers = [("content-type", "application/json")];
        w.anybody()
            .request("POST", &format!("{path}/request-reset"), &headers, ())
            .await
    };
    ask().await.expect(204);
    let first = w.code();
    ask().await.expect(204);
    let complete = format!("{path}/complete-reset");
    let with = async |pin: &str, password: &str| {
        let body = json!({"pinCode": pin, "newPassword": password});
        let media_type = "application/vnd.kii.CompletePasswordResetRequest+json";
        vendor(&w.anybody(), "POST", &complete, media_type, body).await
    };
    let stale = with(&first, "new-horse").await;
    refused(
        stale,
        403,
        "InvalidVerificationCodeException",
        "INVALID_VERIFICATION_CODE",
    );
    refused(
        with(&w.code(), "abc").await,
        400,
        "PasswordTooShortException",
        "PASSWORD_TOO_SHORT",
    );
    with(&w.code(), "new-horse").await.expect(204);
    wrong_token(w.server.client().bearer(&token).get(&w.at("users/me")).await);
    w.log_in("mika", "new-horse").await.expect(200);
    let again = with(&w.code(), "other-horse").await;
    refused(
        again,
        403,
        "InvalidVerificationCodeException",
        "INVALID_VERIFICATION_CODE",
    );
    ask().await.expect(204);
    w.server.advance(Duration::from_secs(3_600));
    refused(with(&w.code(), "other-horse").await, 410, "", "PIN_CODE_EXPIRED");
    ask().await.expect(204);
    for _ in 0..10 {
        let wrong = with("0000000000", "other-horse").await;
        refused(
            wrong,
            403,
            "InvalidVerificationCodeException",
            "INVALID_VERIFICATION_CODE",
        );
    }
    let right = with(&w.code(), "other-horse").await;
    refused(
        right,
        403,
        "InvalidVerificationCodeException",
        "INVALID_VERIFICATION_CODE",
    );
}

#[tokio::test]
async fn a_reset_is_refused_where_there_is_nothing_to_reset_or_no_way_to_say_so() {
    let w = World::new().await;
    let (admin, pseudo) = (w.admin().await, w.pseudo().await);
    let ask = async |who: &str, body: serde_json::Value| {
        let path = w.at(&format!("users/{who}/password/request-reset"));
        vendor(
            &w.anybody(),
            "POST",
            &path,
            "application/vnd.kii.ResetPasswordRequest+json",
            body,
        )
        .await
    };
    refused(
        ask("EMAIL:no@x.example", json!({})).await,
        404,
        "UserNotFoundException",
        "USER_NOT_FOUND",
    );
    refused(
        ask(&pseudo.id, json!({})).await,
        409,
        "OperationNotAllowedException",
        "OPERATION_NOT_ALLOWED",
    );
    let mika = w.register("mika").await;
    refused(
        ask(&mika, json!({})).await,
        409,
        "InvalidStatusException",
        "INVALID_STATUS",
    );
    let body = json!({"loginName": "nina", "emailAddress": "n@x.example", "password": PASSWORD});
    let nina = w.sign_up(body).await;
    refused(
        ask(&nina, json!({"notificationMethod": "SMS"})).await,
        409,
        "InvalidStatusException",
        "INVALID_STATUS",
    );
    put(
        &admin,
        &w.at(&format!("users/{nina}/status")),
        json!({"disabled": true}),
    )
    .await
    .expect(204);
    refused(
        ask(&nina, json!({})).await,
        401,
        "UserDisabledException",
        "USER_DISABLED",
    );
    let w = World::on(TestServer::start_mailing(None).await).await;
    let body = json!({"loginName": "nina", "emailAddress": "n@x.example", "password": PASSWORD});
    let nina = w.sign_up(body).await;
    let path = w.at(&format!("users/{nina}/password/reset"));
    refused(
        w.anybody().post(&path, ()).await,
        409,
        "InvalidStatusException",
        "INVALID_STATUS",
    );
}
