//! What is asked of Spotify, and what comes of it.

use std::time::Duration;

use spotify_web::api::{Slider, StartPlayback};
use spotify_web::{Error, SpotifyClient};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::cover::Cover;
use crate::view::{Key, Playing};

pub(crate) enum News {
    /// What is playing, and why a key did nothing.
    State(Option<Playing>, String),
    /// The cover at this URL.
    Cover(String, Cover),
    /// A response that is late.
    Trouble(String),
}

/// Asks in tasks of their own, so that the bar moves and keys are heard meanwhile.
pub(crate) struct Remote {
    spotify: SpotifyClient,
    volume: Slider<u32>,
    /// How many questions were asked; only a response to the newest is looked at.
    asked: u64,
    /// When the next one is due; `None` while a response is waited for.
    asks_at: Option<Instant>,
    sender: mpsc::Sender<Response>,
    receiver: mpsc::Receiver<Response>,
}

enum Response {
    State(Box<State>),
    Cover(String, Cover),
}

struct State {
    question: u64,
    /// Why its command did nothing.
    note: String,
    playing: Result<Option<Playing>, Box<Error>>,
}

/// What is done before it is asked what is playing.
enum Command {
    Nothing,
    Play,
    Pause,
    Next,
    Previous,
    Volume(Slider<u32>),
}

impl Remote {
    pub(crate) fn new(spotify: SpotifyClient) -> Self {
        let (sender, receiver) = mpsc::channel(8);
        let volume = spotify.player().volume_slider();
        Self { spotify, volume, asked: 0, asks_at: Some(Instant::now()), sender, receiver }
    }

    /// What comes next. It asks by itself when it is time to.
    ///
    /// # Errors
    ///
    /// Those that do not pass by themselves, such as a token that has expired.
    pub(crate) async fn next(&mut self) -> Result<News, Box<Error>> {
        loop {
            let asks_at = self.asks_at;
            let response = tokio::select! {
                Some(response) = self.receiver.recv() => Some(response),
                () = sleep_until(asks_at) => None,
            };
            match response {
                Some(response) => {
                    if let Some(news) = self.news(response)? {
                        return Ok(news);
                    }
                }
                None => self.ask(Command::Nothing),
            }
        }
    }

    fn news(&mut self, response: Response) -> Result<Option<News>, Box<Error>> {
        let state = match response {
            Response::Cover(url, cover) => return Ok(Some(News::Cover(url, cover))),
            Response::State(state) if state.question != self.asked => return Ok(None),
            Response::State(state) => *state,
        };
        let (news, pause) = match state.playing {
            Ok(playing) => {
                let pause = playing.as_ref().map_or(Playing::ASKED_AFTER, Playing::asked_after);
                (News::State(playing, state.note), pause)
            }
            Err(error) if error.is_transient() => {
                let pause = error.retry_after().unwrap_or_default();
                (News::Trouble(error.to_line()), pause.max(Playing::ASKED_AFTER))
            }
            Err(error) => return Err(error),
        };
        self.asks_at = Some(Instant::now() + pause);
        Ok(Some(news))
    }

    /// Does what the key says; `playing` is what there should be then.
    pub(crate) fn press(&mut self, key: Key, playing: &Playing) {
        self.ask(match (key, playing.volume) {
            (Key::Louder | Key::Softer, Some(percent)) => {
                self.volume.set(percent);
                Command::Volume(self.volume.clone())
            }
            (Key::Pause, _) if playing.is_playing => Command::Play,
            (Key::Pause, _) => Command::Pause,
            (Key::Next, _) => Command::Next,
            (Key::Previous, _) => Command::Previous,
            (Key::Louder | Key::Softer | Key::Quit, _) => Command::Nothing,
        });
    }

    fn ask(&mut self, command: Command) {
        self.asked += 1;
        self.asks_at = None;
        let (spotify, sender, question) = (self.spotify.clone(), self.sender.clone(), self.asked);
        tokio::spawn(async move {
            let obeyed = command.obey(&spotify).await;
            let note = obeyed.err().map(|error| error.to_line()).unwrap_or_default();
            let state = spotify.player().state().await.map_err(Box::new);
            let playing = state.map(|state| state.as_ref().map(Playing::of));
            let state = Box::new(State { question, note, playing });
            sender.send(Response::State(state)).await.ok();
        });
    }

    pub(crate) fn fetch_cover(&self, url: String) {
        let sender = self.sender.clone();
        tokio::spawn(async move {
            if let Some(cover) = Cover::fetch(&url).await {
                sender.send(Response::Cover(url, cover)).await.ok();
            }
        });
    }
}

impl Command {
    async fn obey(self, spotify: &SpotifyClient) -> Result<(), Error> {
        let player = spotify.player();
        match self {
            Self::Nothing => return Ok(()),
            Self::Play => player.play(&StartPlayback::resume()).await?,
            Self::Pause => player.pause().await?,
            Self::Next => player.next().await?,
            Self::Previous => player.previous().await?,
            // Others may wait for the same error, and the state shows what it came to.
            Self::Volume(slider) => slider.settled().await.unwrap_or_default(),
        }
        tokio::time::sleep(LAG).await;
        Ok(())
    }
}

async fn sleep_until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// Spotify tells the old state for a moment after a command.
const LAG: Duration = Duration::from_millis(400);
