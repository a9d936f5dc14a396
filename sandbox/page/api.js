// The control interface, as the page uses it.

export class Refused extends Error {}

export async function act(action, body = {}) {
  const response = await fetch(`control/${action}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  const answer = await response.json();
  if (!response.ok) throw new Refused(answer.error);
  return answer;
}

export const fileUrl = (id) => `control/file/${encodeURIComponent(id)}`;

// Calls `onEvents(events, isConnected)` for ever; `onLost` while the sandbox does not answer.
export async function listen(after, onEvents, onLost) {
  for (;;) {
    try {
      const answer = await act("events", { after, timeout: 5 });
      after = answer.last;
      await onEvents(answer.events, answer.is_connected);
    } catch (error) {
      if (!(error instanceof TypeError || error instanceof SyntaxError)) console.error(error);
      onLost();
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
  }
}
