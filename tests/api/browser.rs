//! A person in a real browser: Chromium, by WebDriver. Screenshots are left in
//! `target/screenshots`.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fantoccini::{Client, ClientBuilder, Locator};
use serde_json::json;
use spotify_web::testing::FakeSpotify;

use super::examples::program;
use crate::common::{Directory, Run};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_signs_in_on_a_desktop_once() {
    let Some((driver, program)) = driver_and("sign_in") else { return };
    let fake = FakeSpotify::start().await.unwrap();
    let (config, other_config) = (Directory::new(), Directory::new());
    let person = driver.person().await;

    let mut run =
        Run::start(&program, &fake, &[("XDG_CONFIG_HOME", config.path().to_str().unwrap())], &[]);
    person.goto(&run.told("/authorize?")).await.unwrap();
    screenshot(&person, "consent").await;
    click(&person, "#agree").await;
    assert_eq!(heading(&person, "You are logged in").await, "You are logged in");
    let shown = person.current_url().await.unwrap();
    assert_eq!((shown.path(), shown.query()), ("/callback", None), "the code is out of sight");
    screenshot(&person, "signed_in").await;
    assert!(run.end().0 && run.output.contains("You are wizzler."), "{}", run.output);

    let mut again =
        Run::start(&program, &fake, &[("XDG_CONFIG_HOME", config.path().to_str().unwrap())], &[]);
    assert!(again.end().0 && again.output.contains("You are wizzler."), "asks nothing");

    let cancelled = [("XDG_CONFIG_HOME", other_config.path().to_str().unwrap())];
    let mut run = Run::start(&program, &fake, &cancelled, &[]);
    person.goto(&run.told("/authorize?")).await.unwrap();
    click(&person, "#cancel").await;
    assert_eq!(heading(&person, "You are not logged in").await, "You are not logged in");
    let reason = person.find(Locator::Css("#reason")).await.unwrap().text().await.unwrap();
    assert_eq!(reason, "You did not allow the program to use your account.");
    assert_eq!(person.current_url().await.unwrap().query(), None);
    screenshot(&person, "not_signed_in").await;
    let (ended_well, errors) = run.end();
    assert!(!ended_well && errors.contains("the user did not allow it"), "{errors}");
    person.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_people_log_in_to_a_web_server_at_once() {
    let Some((driver, program)) = driver_and("web_server") else { return };
    let fake = FakeSpotify::start().await.unwrap();
    let mut server = Run::start(&program, &fake, &[("PORT", "0")], &[]);
    let home = server.printed("http://");
    let (anna, ben) = (driver.person().await, driver.person().await);

    anna.goto(&home).await.unwrap();
    screenshot(&anna, "web_server").await;
    usable_by_everybody(&anna).await;
    for (person, name) in [(&anna, "Anna <3"), (&ben, "Ben")] {
        person.goto(&home).await.unwrap();
        click(person, "#login").await;
        let field = person.wait().for_element(Locator::Css("input[name=user]")).await.unwrap();
        field.clear().await.unwrap();
        field.send_keys(name).await.unwrap();
        click(person, "#agree").await;
    }
    for (person, name) in [(&ben, "Ben"), (&anna, "Anna <3")] {
        let user = person.wait().for_element(Locator::Css("#user")).await.unwrap();
        assert_eq!(user.text().await.unwrap(), name);
        person.refresh().await.unwrap();
    }
    screenshot(&anna, "web_server_playlists").await;
    usable_by_everybody(&anna).await;
    anna.set_window_size(360, 640).await.unwrap();
    screenshot(&anna, "web_server_on_a_phone").await;
    let overflow = "return document.documentElement.scrollWidth > window.innerWidth";
    assert_eq!(anna.execute(overflow, vec![]).await.unwrap(), json!(false));

    click(&anna, "#logout").await;
    click(&anna, "#login").await;
    click(&anna, "#cancel").await;
    assert_eq!(heading(&anna, "That did not work").await, "That did not work");
    screenshot(&anna, "web_server_cancelled").await;
    usable_by_everybody(&anna).await;
    ben.refresh().await.unwrap();
    let user = ben.wait().for_element(Locator::Css("#user")).await.unwrap();
    assert_eq!(user.text().await.unwrap(), "Ben", "another user's log-out is not his");
    anna.close().await.unwrap();
    ben.close().await.unwrap();
    drop(server);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_without_scripts_logs_in_to_a_web_server_in_two_tabs() {
    let Some((driver, program)) = driver_and("web_server") else { return };
    let fake = FakeSpotify::start().await.unwrap();
    let mut server = Run::start(&program, &fake, &[("PORT", "0")], &[]);
    let home = server.printed("http://");
    let person =
        driver.person_with(json!({ "profile.default_content_setting_values.javascript": 2 }));
    let person = person.await;

    person.goto(&home).await.unwrap();
    click(&person, "#login").await;
    let first = person.window().await.unwrap();
    let second = person.new_window(true).await.unwrap().handle;
    person.switch_to_window(second.clone()).await.unwrap();
    person.goto(&home).await.unwrap();
    click(&person, "#login").await;
    for tab in [first, second] {
        person.switch_to_window(tab).await.unwrap();
        click(&person, "#agree").await;
        let user = person.wait().for_element(Locator::Css("#user")).await.unwrap();
        assert_eq!(user.text().await.unwrap(), "wizzler");
    }
    click(&person, "#logout").await;
    person.wait().for_element(Locator::Css("#login")).await.unwrap();
    person.close().await.unwrap();
}

/// `None` where there is no browser, or the example has not been built.
fn driver_and(example: &str) -> Option<(Driver, PathBuf)> {
    Some((Driver::start()?, program(example)?))
}

/// A ChromeDriver, on a port of its own.
struct Driver {
    process: Child,
    port: String,
}

impl Driver {
    fn start() -> Option<Self> {
        let started = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let Ok(mut process) = started else {
            assert!(std::env::var_os("CI").is_none(), "chromedriver is not installed");
            eprintln!(
                "skipped: chromedriver is not installed; install chromium and chromium-driver"
            );
            return None;
        };
        let output = BufReader::new(process.stdout.take().unwrap());
        let port = output.lines().find_map(|line| {
            Some(line.ok()?.split_once("successfully on port ")?.1.trim_end_matches('.').to_owned())
        });
        Some(Self { process, port: port.unwrap() })
    }

    /// A browser with a profile of its own.
    async fn person(&self) -> Client {
        self.person_with(json!({})).await
    }

    async fn person_with(&self, preferences: serde_json::Value) -> Client {
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--window-size=900,700",
        ];
        let options = json!({ "goog:chromeOptions": { "args": arguments, "prefs": preferences } });
        ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new())
            .capabilities(options.as_object().unwrap().clone())
            .connect(&format!("http://127.0.0.1:{}", self.port))
            .await
            .unwrap()
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

async fn click(person: &Client, css: &str) {
    let button = person.wait().at_most(Duration::from_secs(30)).for_element(Locator::Css(css));
    button.await.unwrap().click().await.unwrap();
}

/// The heading of the page, once it is this one.
async fn heading(person: &Client, text: &str) -> String {
    let path = format!("//h1[text()='{text}']");
    let heading = person.wait().for_element(Locator::XPath(&path)).await.unwrap();
    heading.text().await.unwrap()
}

/// What axe-core finds on the page: `.ci/run` installs it into `target/accessibility`; by hand,
/// `npm ci` in there with the two package files of `tests/accessibility`.
async fn usable_by_everybody(person: &Client) {
    let script = program_directory().join("../accessibility/node_modules/axe-core/axe.min.js");
    let Ok(axe) = std::fs::read_to_string(script) else {
        assert!(std::env::var_os("CI").is_none(), "axe-core is not installed");
        eprintln!("skipped: axe-core is not installed in target/accessibility");
        return;
    };
    let check = "const done = arguments[0];
        axe.run().then(found => done(found.violations.map(it => it.id + ': ' + it.help)));";
    let violations = person.execute_async(&format!("{axe}\n{check}"), vec![]).await.unwrap();
    assert_eq!(violations, json!([]));
}

async fn screenshot(person: &Client, name: &str) {
    let directory = program_directory().join("../screenshots");
    std::fs::create_dir_all(&directory).unwrap();
    let picture = person.screenshot().await.unwrap();
    std::fs::write(directory.join(format!("{name}.png")), picture).unwrap();
}

fn program_directory() -> PathBuf {
    std::env::current_exe().unwrap().parent().unwrap().parent().unwrap().into()
}
