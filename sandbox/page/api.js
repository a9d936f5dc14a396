// A client of the control API.

export class ControlError extends Error {}

export async function act(action, body = {}) {
  const response = await fetch(`control/${action}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  const answer = await response.json();
  if (!response.ok) throw new ControlError(answer.error);
  return answer;
}

export const fileUrl = (id) => `control/file/${encodeURIComponent(id)}`;

// Polls for events forever. Calls `onEvents(events, isConnected)`, or `onDisconnect()` while the sandbox is down.
export async function listen(after, onEvents, onDisconnect) {
  for (;;) {
    try {
      const answer = await act("events", { after, timeout: 5 });
      after = answer.last;
      await onEvents(answer.events, answer.is_connected);
    } catch (error) {
      if (!(error instanceof TypeError || error instanceof SyntaxError)) console.error(error);
      onDisconnect();
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
  }
}
