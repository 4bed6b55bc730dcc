use proptest::prelude::*;

use super::*;

#[test]
fn a_report_of_version_1_is_read() {
    let text = "bl=21300,br=3200,bs,cid=\"faec5fc2\",d=4004,dl=18500,mtp=48100,nor=\"..%2F300kbps%2Ftrack.m4v\",\
                nrr=\"12323-48763\",ot=v,pr=1.08,rtp=12000,sf=h,sid=\"6e2fb550-c457-11e9-bb97\",st=l,su,tb=6000";
    let session = Some("6e2fb550-c457-11e9-bb97".to_owned());
    assert_eq!(Cmcd::parse(text), Cmcd { session, starved: true, ..Cmcd::default() });
}

#[test]
fn a_report_of_version_2_is_read() {
    let text = "bl=(1400;v 2100;a),bs,bsa=(2),bsd=(1200;v 300.4;a),bsda=(4000),e=ps,ec=(\"a b,c\" \")\"),msd=1800,\
                pr=0,sid=\"a \\\"quoted\\\" one\",sn=3,sta=r,ts=1777000000000,v=2";
    let report = Cmcd {
        version: Some(2),
        session: Some("a \"quoted\" one".into()),
        starved: true,
        state: Some(State::Rebuffering),
        stands_still: true,
        startup_ms: Some(1_800),
        stalls_ms: vec![1_200, 300],
        stalled_total_ms: Some(4_000),
        has_error: true,
        at_ms: Some(1_777_000_000_000),
    };
    assert_eq!(Cmcd::parse(text), report);
}

#[test]
fn headers_share_out_one_report() {
    let mut report = Cmcd::default();
    for header in ["br=3200,ot=v", "bl=200, su", "bs", "sid=\"x\", v=2"] {
        report.read(header);
    }
    let session = Some("x".to_owned());
    assert_eq!(report, Cmcd { version: Some(2), session, starved: true, ..Cmcd::default() });
}

#[test]
fn what_is_malformed_is_passed_over_and_the_rest_is_read() {
    for text in
        ["", ",,,", "=", "msd=,bsd=(", "msd=-5", "msd=99999999999", "sid=\"\"", "ts=soon", "sta=(p)", "bs=?0"]
    {
        assert_eq!(Cmcd::parse(text), Cmcd::default(), "{text}");
    }
    assert_eq!(Cmcd::parse("nonsense=\"a,b\\\",c\",(,x),sta=p").state, Some(State::Playing));
    assert_eq!(Cmcd::parse("msd=(x 7)").startup_ms, Some(7));
}

#[test]
fn a_body_has_a_report_a_line() {
    let body = "sta=s,ts=1,v=2\r\n\n  sta=p,ts=2,v=2  \n";
    let states: Vec<_> = Cmcd::parse_body(body).into_iter().map(|report| report.state).collect();
    assert_eq!(states, [Some(State::Starting), Some(State::Playing)]);
    assert_eq!(Cmcd::parse_body(&"v=2\n".repeat(1_000)).len(), MAX_REPORTS);
}

#[test]
fn a_long_report_is_read_up_to_its_bound() {
    let long = format!("sid=\"{}\",sta=p", "ä".repeat(MAX_BYTES));
    let report = Cmcd::parse(&long);
    assert_eq!(report.session.map(|id| id.chars().count()), Some(MAX_SID_CHARS));
    assert_eq!(report.state, None);
}

proptest! {
    #[test]
    fn nothing_that_a_player_sends_does_harm(text in "(?s).{0,300}", more in "[a-z=(),;\"\\\\ ?0-9]{0,300}") {
        for text in [&text, &more] {
            let report = Cmcd::parse(text);
            prop_assert!(report.stalls_ms.len() <= MAX_ITEMS);
            prop_assert!(report.session.is_none_or(|id| id.chars().count() <= MAX_SID_CHARS));
            Cmcd::parse_body(text);
        }
    }

    #[test]
    fn bytes_of_any_kind_do_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..500)) {
        Cmcd::parse(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn known_keys_are_found_among_any_others(
        before in "[a-z]{1,8}=(\"[a-z,()]{0,8}\"|[0-9]{1,5}|\\([0-9;v ]{0,9}\\))",
        startup in 0..=u32::MAX,
    ) {
        prop_assume!(!before.starts_with("msd="));
        let report = Cmcd::parse(&format!("{before},msd={startup}"));
        prop_assert_eq!(report.startup_ms, Some(startup));
    }
}
