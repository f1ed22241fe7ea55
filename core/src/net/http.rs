//! HTTP over rustls (ring), with the web's root certificates compiled in.
//!
//! The certificates come with the app rather than from the system: reqwest's platform verifier needs a JVM on Android and panics without
//! one, and a container without CA files fails to start. The price: certificate authorities that a person installed are not trusted.

use std::time::Duration;

use super::{BoxFuture, ByteStream, Method, Request, Response, StreamResponse, Transport, TransportError};

/// The most bytes that an answer may have.
const MAX_BODY: usize = 16 << 20;

/// The transport that ships. Cheap to clone; connections are kept and reused.
#[derive(Debug, Clone)]
pub struct HttpTransport {
    client: reqwest::Client,
}

impl HttpTransport {
    /// A client with time limits for a phone: 10 s to connect, 30 s without a byte, 120 s in all.
    ///
    /// # Errors
    /// [`TransportError::Unusable`] when TLS cannot be set up.
    pub fn new() -> Result<Self, TransportError> {
        Self::with_timeouts(Duration::from_secs(10), Duration::from_secs(30), Duration::from_secs(120))
    }

    /// A client with time limits of your own: to connect, without a byte, in all.
    ///
    /// # Errors
    /// [`TransportError::Unusable`] when TLS cannot be set up.
    pub fn with_timeouts(connect: Duration, silence: Duration, total: Duration) -> Result<Self, TransportError> {
        let unusable = |error: &dyn std::fmt::Display| TransportError::Unusable { reason: error.to_string() };
        // Installing it twice is an error that means it is there.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let roots = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().filter_map(|der| reqwest::Certificate::from_der(der).ok());
        let client = reqwest::Client::builder()
            .tls_certs_only(roots)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(connect)
            .read_timeout(silence)
            .timeout(total)
            .pool_idle_timeout(Duration::from_secs(30))
            .user_agent(concat!("noren/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| unusable(&error))?;
        Ok(Self { client })
    }
}

/// How long a stream may last: long beyond any hand-over. A dead one is found by its silence.
const LONGEST_STREAM: Duration = Duration::from_secs(24 * 3_600);

impl HttpTransport {
    fn builder(&self, request: Request) -> reqwest::RequestBuilder {
        let method = match request.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
        };
        let mut builder = self.client.request(method, &request.url);
        for (name, value) in &request.headers {
            builder = builder.header(name, value);
        }
        if request.method == Method::Post {
            builder = builder.body(request.body);
        }
        builder
    }
}

fn headers_of(answer: &reqwest::Response) -> Vec<(String, String)> {
    let headers = answer.headers().iter();
    headers.filter_map(|(name, value)| value.to_str().ok().map(|value| (name.as_str().to_owned(), value.to_owned()))).collect()
}

struct HttpStream(reqwest::Response);

impl ByteStream for HttpStream {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Vec<u8>>, TransportError>> {
        Box::pin(async move { Ok(self.0.chunk().await.map_err(|error| after_sending(&error))?.map(|bytes| bytes.to_vec())) })
    }
}

impl Transport for HttpTransport {
    fn stream(&self, request: Request) -> BoxFuture<'_, Result<StreamResponse, TransportError>> {
        Box::pin(async move {
            let answer = self.builder(request).timeout(LONGEST_STREAM).send().await.map_err(|error| kind_of(&error))?;
            Ok(StreamResponse { status: answer.status().as_u16(), headers: headers_of(&answer), body: Box::new(HttpStream(answer)) })
        })
    }

    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, TransportError>> {
        Box::pin(async move {
            let mut answer = self.builder(request).send().await.map_err(|error| kind_of(&error))?;
            let headers = headers_of(&answer);
            let status = answer.status().as_u16();
            let mut body = Vec::new();
            // Unpacked bytes are counted: a small answer can be a large one, packed.
            while let Some(chunk) = answer.chunk().await.map_err(|error| after_sending(&error))? {
                if body.len() + chunk.len() > MAX_BODY {
                    return Err(TransportError::TooLarge);
                }
                body.extend_from_slice(&chunk);
            }
            Ok(Response { status, headers, body })
        })
    }
}

fn kind_of(error: &reqwest::Error) -> TransportError {
    if error.is_builder() {
        return TransportError::Unusable { reason: "not a URL".into() };
    }
    if error.is_connect() {
        return if names_a_certificate(error) { TransportError::Untrusted } else { TransportError::Offline };
    }
    after_sending(error)
}

fn after_sending(error: &reqwest::Error) -> TransportError {
    if error.is_timeout() { TransportError::Timeout } else { TransportError::Broken }
}

fn names_a_certificate(error: &reqwest::Error) -> bool {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = source {
        if let Some(rustls::Error::InvalidCertificate(_)) = error.downcast_ref::<rustls::Error>() {
            return true;
        }
        // An io::Error carries what rustls said as its inner error, which `source` skips.
        let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        if inner.is_some_and(|inner| inner.downcast_ref::<rustls::Error>().is_some()) {
            return true;
        }
        source = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    async fn answer_once(bytes: &'static [u8]) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/x", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut buffer = [0u8; 4096];
            let _ = stream.read(&mut buffer).await;
            stream.write_all(bytes).await.unwrap();
        });
        url
    }

    fn get(url: String) -> Request {
        Request { method: Method::Get, url, headers: vec![("x-a".into(), "b".into())], body: vec![] }
    }

    #[tokio::test]
    async fn answers_come_whole_or_as_an_error() {
        let transport = HttpTransport::new().unwrap();
        let url = answer_once(b"HTTP/1.1 302 Found\r\nLocation: /y\r\nNoren-Time: 5\r\nContent-Length: 2\r\n\r\nok").await;
        let answer = transport.send(get(url)).await.unwrap();
        assert_eq!((answer.status, answer.header("noren-time"), answer.body.as_slice()), (302, Some("5"), b"ok".as_slice()));
        let url = answer_once(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{\"cut\":").await;
        assert_eq!(transport.send(get(url)).await, Err(TransportError::Broken));
        let url = answer_once(b"").await;
        assert_eq!(transport.send(get(url)).await, Err(TransportError::Broken));
    }

    #[tokio::test]
    async fn a_stream_comes_as_it_is_sent_and_its_break_is_one() {
        let transport = HttpTransport::new().unwrap();
        let url = answer_once(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 9\r\n\r\ndata: 1\n\n").await;
        let mut answer = transport.stream(get(url)).await.unwrap();
        assert_eq!((answer.status, answer.headers[0].0.as_str()), (200, "content-type"));
        let mut body = Vec::new();
        while let Some(bytes) = answer.body.next().await.unwrap() {
            body.extend(bytes);
        }
        assert_eq!(body, b"data: 1\n\n");
        let url = answer_once(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 20\r\n\r\ndata").await;
        let mut answer = transport.stream(get(url)).await.unwrap();
        let end = loop {
            match answer.body.next().await {
                Ok(Some(_)) => {}
                end => break end,
            }
        };
        assert_eq!(end, Err(TransportError::Broken));
    }

    #[tokio::test]
    async fn packed_answers_are_unpacked_up_to_the_limit() {
        let transport = HttpTransport::new().unwrap();
        for (length, expected) in [(1 << 20, Ok(1 << 20)), (MAX_BODY + 1, Err(TransportError::TooLarge))] {
            let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
            std::io::Write::write_all(&mut packed, &vec![b' '; length]).unwrap();
            let packed = packed.finish().unwrap();
            let mut answer = format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", packed.len()).into_bytes();
            answer.extend(packed);
            let url = answer_once(answer.leak()).await;
            assert_eq!(transport.send(get(url)).await.map(|answer| answer.body.len()), expected);
        }
    }

    #[tokio::test]
    async fn no_server_is_offline_and_no_url_is_unusable() {
        let transport = HttpTransport::new().unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        drop(listener);
        assert_eq!(transport.send(get(url)).await, Err(TransportError::Offline));
        assert!(matches!(transport.send(get("no url".into())).await, Err(TransportError::Unusable { .. })));
    }
}
