//! QR codes of links, for a terminal and for the page.

use anyhow::anyhow;
use qrcode::render::unicode::Dense1x2;
use qrcode::{Color, QrCode};

/// A text as a QR code of block characters.
///
/// # Errors
/// The text is too long.
pub(crate) fn qr_code(text: &str) -> anyhow::Result<String> {
    let code = QrCode::new(text)
        .map_err(|_| anyhow!("The link is too long for a QR code. Leave out --qr."))?;
    // Most terminals are dark, so the colors are inverted.
    Ok(code.render::<Dense1x2>().dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build())
}

/// A text as the path of a QR code in an SVG of so many modules, those of the margin included.
pub(crate) fn qr_path(text: &str) -> Option<(String, usize)> {
    const MARGIN: usize = 4;
    let code = QrCode::new(text).ok()?;
    let width = code.width();
    let dark = code.to_colors().into_iter().enumerate().filter(|(_, color)| *color == Color::Dark);
    let place = |(at, _)| format!("M{} {}h1v1h-1z", at % width + MARGIN, at / width + MARGIN);
    Some((dark.map(place).collect(), width + 2 * MARGIN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_draws_the_modules_within_the_margin() {
        let (path, size) = qr_path("x").unwrap();
        assert_eq!(size, 21 + 8);
        assert!(path.starts_with("M4 4h1v1h-1zM5 4h1v1h-1z") && !path.contains("M0 "));
        assert_eq!(qr_path(&"x".repeat(5000)), None);
    }
}
