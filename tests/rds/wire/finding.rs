//! Production, its snapshots, what is left over.

use pgwitness::config::SnapshotKind;

use super::script::*;

#[tokio::test]
async fn production_is_found_and_pinned() {
    let aws =
        aws_with(|source| source.resource_id = Some(PRODUCTION.into()), None, |_, _| describes(&[production()], None))
            .await;
    assert_eq!(aws.rds.source_instance().await.unwrap(), the_source());
    assert_eq!(aws.asked("DescribeDBInstances")[0]["DBInstanceIdentifier"], "production");
}

#[tokio::test]
async fn a_renamed_production_is_named_and_not_followed() {
    let script = |_: &str, form: &Form| {
        if form.contains_key("DBInstanceIdentifier") {
            return describes(&[production()], None);
        }
        assert_eq!(form["Filters.Filter.1.Name"], "dbi-resource-id");
        assert_eq!(form["Filters.Filter.1.Values.Value.1"], "db-PINNED");
        let renamed = [("DBInstanceIdentifier", "production-old"), ("DbiResourceId", "db-PINNED")];
        describes(&[production(), instance("available", &renamed)], None)
    };
    let aws = aws_with(|source| source.resource_id = Some("db-PINNED".into()), None, script).await;
    let error = aws.rds.source_instance().await.unwrap_err();
    let text = "find the source instance production: it is db-PRODUCTION, not the configured one; \
                source.resource_id is db-PINNED";
    assert_eq!(error.to_string(), text);
    assert_eq!(error.hint_text(), Some("db-PINNED is now named production-old: correct source.instance"));
}

#[tokio::test]
async fn a_missing_production_is_an_error_and_a_failed_look_is_another() {
    let aws = aws(|_, _| not_found()).await;
    let error = aws.rds.source_instance().await.unwrap_err().to_string();
    assert!(error.ends_with("there is no instance of this name in ap-southeast-2"), "{error}");
    let aws = super::script::aws(|_, _| fails(403, "AccessDenied", "not authorized to perform")).await;
    let error = aws.rds.source_instance().await.unwrap_err();
    assert!(error.to_string().ends_with("AccessDenied: not authorized to perform"), "{error}");
    assert!(error.hint_text().unwrap().contains("iam"));
}

fn snapshot(name: &str, time: &str, resource_id: &str) -> String {
    let time = if time.is_empty() { String::new() } else { format!("<SnapshotCreateTime>{time}</SnapshotCreateTime>") };
    format!(
        "<DBSnapshot><DBSnapshotIdentifier>{name}</DBSnapshotIdentifier><Status>available</Status>{time}\
         <Engine>postgres</Engine><EngineVersion>17.4</EngineVersion><SnapshotType>automated</SnapshotType>\
         <DbiResourceId>{resource_id}</DbiResourceId><AllocatedStorage>20</AllocatedStorage></DBSnapshot>"
    )
}

fn lists(snapshots: &[String], marker: &str) -> Answer {
    says("DescribeDBSnapshots", &format!("<Marker>{marker}</Marker><DBSnapshots>{}</DBSnapshots>", snapshots.concat()))
}

#[tokio::test]
async fn all_pages_of_snapshots_are_read_and_strangers_are_not_taken() {
    let aws = aws(|_, form| match form.get("Marker").map(String::as_str) {
        None => lists(&[snapshot("rds:a", "2026-01-30T01:00:00Z", PRODUCTION), snapshot("rds:n", "", PRODUCTION)], "2"),
        Some("2") => lists(&[snapshot("rds:b", "2026-01-31T01:00:00Z", PRODUCTION)], "3"),
        _ => lists(&[snapshot("rds:c", "2026-01-31T01:30:00Z", "db-OTHER")], ""),
    })
    .await;
    let found = aws.rds.find_snapshot(&the_source(), None, time(NOW)).await.unwrap();
    assert_eq!((found.identifier.as_str(), found.resource_id.as_str()), ("rds:b", PRODUCTION));
    let asked = aws.asked("DescribeDBSnapshots");
    assert_eq!(asked.len(), 3);
    assert!(asked.iter().all(|form| form["DbiResourceId"] == PRODUCTION));
}

#[tokio::test]
async fn a_snapshot_of_another_instance_is_not_found_by_name_either() {
    let aws = aws_with(
        |source| source.snapshots = SnapshotKind::Any,
        None,
        |_, _| lists(&[snapshot("rds:c", "2026-01-31T01:30:00Z", "db-OTHER")], ""),
    )
    .await;
    let error = aws.rds.find_snapshot(&the_source(), Some("rds:c"), time(NOW)).await.unwrap_err().to_string();
    assert_eq!(error, "find a snapshot of production (db-PRODUCTION): it has no snapshot rds:c; it has none");
}

#[tokio::test]
async fn leftovers_are_those_with_our_tag_and_a_name_of_ours_on_every_page() {
    let older = [("DBInstanceIdentifier", "pgwitness-20260101t020000z-0123abcd")];
    let tagged_but_named_otherwise = [("DBInstanceIdentifier", "reporting")];
    let first = [instance("available", &[]), instance("available", &tagged_but_named_otherwise)];
    let second = [instance("available", &older), production()];
    let aws = aws(move |_, form| match form.get("Marker") {
        None => describes(&first, Some("2")),
        Some(_) => describes(&second, None),
    })
    .await;
    let names: Vec<String> = aws.rds.leftovers().await.unwrap().into_iter().map(|it| it.identifier).collect();
    assert_eq!(names, ["pgwitness-20260101t020000z-0123abcd", NAME]);
}
