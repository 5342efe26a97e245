// Asks the server to do something.

import { setting } from "./app.js";

const UNREACHABLE = "junction-bridge ui does not answer. Start it again and open the link that it prints.";

/** Does an action. Throws an Error whose message is for the person; `fingerprint` is that of a new key, if that is what is wrong. */
export async function act(action, body = {}) {
  return (await post(action, JSON.stringify(body), { "Content-Type": "application/json" })).json();
}

/** The bytes of an attachment. Its sender is told that it is saved once all of them are here. */
export async function download(letter, number) {
  const bytes = await (await post("save", JSON.stringify({ letter, number }), { "Content-Type": "application/json" })).blob();
  await act("saved", { letter, number });
  return bytes;
}

async function post(action, body, headers) {
  let response;
  try {
    response = await fetch(`/do/${action}`, { method: "POST", headers: { ...headers, "Page-Key": setting("page-key") ?? "" }, body });
  } catch {
    throw new Error(UNREACHABLE);
  }
  if (response.ok) return response;
  const answer = await response.json().catch(() => ({}));
  const failure = new Error(answer.error ?? `junction-bridge ui answered with the status ${response.status}. Reload the page.`);
  throw Object.assign(failure, { fingerprint: answer.fingerprint });
}

/**
 * Uploads a file. `XMLHttpRequest`, because `fetch` does not say how far it is.
 * @param {File} file
 * @param {(share: number) => void} progress
 * @returns {{done: Promise<{upload: string, name: string, bytes: number}>, cancel: () => void}}
 */
export function upload(file, progress) {
  const request = new XMLHttpRequest();
  const done = new Promise((resolve, reject) => {
    request.open("POST", "/do/upload");
    request.setRequestHeader("Page-Key", setting("page-key") ?? "");
    request.setRequestHeader("File-Name", encodeURIComponent(file.name.toWellFormed?.() ?? file.name));
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.responseType = "json";
    request.upload.onprogress = (event) => event.lengthComputable && progress(event.loaded / event.total);
    request.onerror = () => reject(new Error(`${file.name} could not be read, or junction-bridge ui has ended. If it is a folder, attach the files in it.`));
    request.onabort = () => reject(new Error("Cancelled."));
    request.onload = () => {
      if (request.status === 200) resolve(request.response);
      else reject(new Error(request.response?.error ?? `The upload failed with the status ${request.status}. Try again.`));
    };
    request.send(file);
  });
  return { done, cancel: () => request.abort() };
}
