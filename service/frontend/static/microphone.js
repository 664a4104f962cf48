// The microphone, and in words why there is none.

const REASONS = {
  NotAllowedError: "The microphone is not allowed for this page. Allow it in the browser's address bar, or use a file.",
  NotFoundError: "There is no microphone on this machine. Plug one in, or use a file.",
  NotReadableError: "The microphone is in use by another program. Close that, or use a file.",
};

/** Sound as it is: noise suppression would be heard as the codec's doing. */
const SOUND = { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: false };

/** A stream of the microphone; ask for it in answer to a click. */
export async function openMicrophone() {
  if (!navigator.mediaDevices?.getUserMedia) {
    throw new Error(
      "Browsers give a microphone only to pages of https:// or of localhost. Open this page there, or use a file.",
    );
  }
  try {
    return await navigator.mediaDevices.getUserMedia({ audio: SOUND });
  } catch (error) {
    throw new Error(REASONS[error.name] ?? `The microphone cannot be used: ${error.message}`);
  }
}

/** Switch it off. */
export function closeMicrophone(stream) {
  for (const track of stream.getTracks()) track.stop();
}
