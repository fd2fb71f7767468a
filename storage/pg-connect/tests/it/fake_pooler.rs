//! What a pooler says to settings in the start-up message: `PgBouncer` 1.18 answers with these
//! bytes.

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

/// Lets a start-up message without `options` through to the server at `port`.
async fn pool(mut client: TcpStream, port: u16) {
    let mut message = vec![0; 4];
    client.read_exact(&mut message).await.unwrap();
    let length = u32::from_be_bytes(message.as_slice().try_into().unwrap());
    message.resize(length as usize, 0);
    client.read_exact(&mut message[4..]).await.unwrap();
    if message.windows(9).any(|word| word == b"\0options\0") {
        let body = b"SFATAL\0C08P01\0Munsupported startup parameter: options\0\0";
        let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
        let answer = [b"E".as_slice(), &length, body].concat();
        client.write_all(&answer).await.unwrap();
        return;
    }
    let mut server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    server.write_all(&message).await.unwrap();
    copy_bidirectional(&mut client, &mut server).await.ok();
}

/// Its port.
pub(crate) async fn pooler(port: u16) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    pga_runtime::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            pga_runtime::spawn(pool(client, port));
        }
    });
    address.port()
}
