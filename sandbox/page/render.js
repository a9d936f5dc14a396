// Conversion of Bot API objects to DOM elements. Text is set through textContent, never as HTML.

import { fileUrl } from "./api.js";

export function element(tag, className = "", text = null) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== null) node.textContent = text;
  return node;
}

export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

// Fills a node with the initials of a name; the id decides the color.
export function avatar(node, name, id) {
  const initials = [...name.trim()].filter((_, index, letters) => index === 0 || letters[index - 1] === " ");
  node.textContent = initials.slice(0, 2).join("").toUpperCase();
  node.dataset.color = Math.abs(id) % 7;
  return node;
}

export const nameOf = (user) => [user.first_name, user.last_name].filter(Boolean).join(" ");

const ATTACHMENTS = {
  voice: "Voice message", audio: "Audio", video: "Video", video_note: "Video message", animation: "GIF",
  poll: "Poll", contact: "Contact", location: "Location", dice: "Dice",
};
const attachmentName = (message) => Object.entries(ATTACHMENTS).find(([kind]) => message[kind])?.[1];

export const plainText = (message) =>
  message.text ??
  (message.sticker
    ? `${message.sticker.emoji} Sticker`
    : message.caption ?? attachmentName(message) ?? (message.photo ? "Photo" : message.document ? message.document.file_name : serviceText(message) ?? ""));

// A deep link sends "/start payload". As in Telegram, the payload is not shown.
const visibleText = (message) => (message.text?.startsWith("/start ") ? "/start" : plainText(message));

const INLINE = {
  bold: "strong",
  italic: "em",
  underline: "u",
  strikethrough: "s",
  code: "code",
  spoiler: "span",
  text_link: "a",
  url: "a",
  email: "a",
  mention: "a",
  text_mention: "a",
  hashtag: "a",
  cashtag: "a",
  bot_command: "a",
};
const BLOCKS = new Set(["blockquote", "expandable_blockquote", "pre"]);

// Returns a text with its entities as an element. Offsets count UTF-16 units, as in JavaScript strings.
export function formattedText(text, entities = []) {
  const container = element("div", "text");
  const blocks = entities.filter((entity) => BLOCKS.has(entity.type)).sort((a, b) => a.offset - b.offset);
  let position = 0;
  for (const block of blocks) {
    if (block.offset < position) continue;
    // A block element breaks lines itself, so the line breaks next to it are left out.
    const before = text[block.offset - 1] === "\n" ? block.offset - 1 : block.offset;
    if (before > position) container.append(...paragraphs(text, position, before, entities));
    container.append(blockElement(text, block, entities));
    position = block.offset + block.length;
    if (text[position] === "\n") position += 1;
  }
  if (position < text.length) container.append(...paragraphs(text, position, text.length, entities));
  return container;
}

function blockElement(text, block, entities) {
  const end = block.offset + block.length;
  if (block.type === "pre") {
    const pre = element("pre");
    pre.append(element("code", "", text.slice(block.offset, end)));
    return pre;
  }
  const quote = element("blockquote", block.type === "expandable_blockquote" ? "expandable" : "");
  quote.dir = direction(text.slice(block.offset, end));
  const body = element("div", "quote-body");
  body.append(...paragraphs(text, block.offset, end, entities));
  quote.append(body);
  if (block.type === "expandable_blockquote") {
    const toggle = element("button", "expand");
    toggle.type = "button";
    toggle.setAttribute("aria-label", "Show the whole quote");
    toggle.setAttribute("aria-expanded", "false");
    toggle.append(icon("chevron"));
    quote.append(toggle);
  }
  return quote;
}

// Returns the writing direction of a text, by its first letter. Elements of several paragraphs need it, because
// dir="auto" looks at each paragraph alone.
function direction(text) {
  const first = text.match(/\p{L}/u)?.[0] ?? "";
  return /[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]/u.test(first) ? "rtl" : "ltr";
}

// Returns one element for each line, each with its own writing direction.
function paragraphs(text, start, end, entities) {
  const lines = [];
  for (let lineStart = start; lineStart <= end; ) {
    const lineBreak = text.indexOf("\n", lineStart);
    const lineEnd = lineBreak === -1 || lineBreak > end ? end : lineBreak;
    const line = element("div", "paragraph");
    line.dir = "auto";
    line.append(lineEnd > lineStart ? inline(text, lineStart, lineEnd, entities) : document.createElement("br"));
    lines.push(line);
    lineStart = lineEnd + 1;
  }
  return lines;
}

// Returns a line with its inline entities. The text is split at the entities' boundaries, and each part is wrapped
// in all entities that cover it, the shortest innermost.
function inline(text, start, end, entities) {
  const endOf = (entity) => entity.offset + entity.length;
  const overlapping = entities.filter(
    (entity) => entity.type in INLINE && entity.offset < end && endOf(entity) > start,
  );
  const boundaries = new Set([start, end]);
  for (const entity of overlapping) {
    boundaries.add(Math.max(entity.offset, start));
    boundaries.add(Math.min(endOf(entity), end));
  }
  const fragment = document.createDocumentFragment();
  const cuts = [...boundaries].sort((a, b) => a - b);
  for (let i = 0; i + 1 < cuts.length; i += 1) {
    const [left, right] = [cuts[i], cuts[i + 1]];
    let node = document.createTextNode(text.slice(left, right));
    const covering = overlapping.filter((entity) => entity.offset <= left && endOf(entity) >= right);
    for (const entity of covering.sort((a, b) => a.length - b.length)) {
      const wrapper = inlineElement(entity, text.slice(entity.offset, endOf(entity)));
      wrapper.append(node);
      node = wrapper;
    }
    fragment.append(node);
  }
  return fragment;
}

function inlineElement(entity, covered) {
  const node = element(INLINE[entity.type], entity.type.replace("_", "-"));
  if (node.tagName !== "A") return node;
  node.dataset.entity = entity.type;
  node.dataset.value = covered;
  const target = { text_link: entity.url, url: covered, email: `mailto:${covered}` }[entity.type];
  if (target) {
    node.href = safeUrl(target);
    node.target = "_blank";
    node.rel = "noopener noreferrer";
    if (entity.type === "text_link") node.title = entity.url;
  } else {
    node.href = "#";
  }
  return node;
}

// Returns a URL of an allowed scheme, or "#": a message must not run a script.
export function safeUrl(url) {
  const full = /^[a-z]+:/i.test(url) ? url : `http://${url}`;
  return /^(https?|mailto|tg):/i.test(full) ? full : "#";
}

// A separate block, so that the quoted text is not mistaken for the message's own.
function replyHeader(message) {
  const replied = message.reply_to_message;
  if (!replied) return null;
  const header = element("a", "reply-header");
  header.href = "#";
  header.dataset.replyTo = replied.message_id;
  header.append(element("b", "", nameOf(replied.from)));
  const quoted = element("span", message.quote ? "quoted" : "", message.quote?.text ?? visibleText(replied));
  header.dir = direction(quoted.textContent);
  header.append(quoted);
  header.dataset.color = Math.abs(replied.from.id) % 7;
  return header;
}

function media(message) {
  if (message.photo) {
    const picture = element("img", "photo");
    const { width, height, file_id: id } = message.photo.at(-1);
    Object.assign(picture, { src: fileUrl(id), width, height, alt: message.caption ?? "Photo" });
    return picture;
  }
  if (message.sticker) return element("div", "sticker", message.sticker.emoji);
  const attachment = attachmentName(message);
  if (attachment) return element("div", "attachment", attachment);
  if (!message.document) return null;
  const link = element("a", "document");
  link.href = fileUrl(message.document.file_id);
  link.download = message.document.file_name;
  const disc = element("span", "disc");
  disc.append(icon("file"));
  const names = element("span", "names");
  const name = element("b", "", message.document.file_name);
  name.dir = "auto";
  names.append(name, element("small", "", size(message.document.file_size)));
  link.append(disc, names);
  return link;
}

function size(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  return bytes < 1024 ** 2 ? `${(bytes / 1024).toFixed(1)} KB` : `${(bytes / 1024 ** 2).toFixed(1)} MB`;
}

const BUTTON_KINDS = ["callback_data", "url", "copy_text", "switch_inline_query_current_chat", "switch_inline_query"];

function keyboard(markup) {
  const container = element("div", "keyboard");
  for (const buttons of markup.inline_keyboard) {
    const row = element("div", "row");
    for (const button of buttons) {
      const node = element("button", "button");
      node.type = "button";
      const label = element("span", "", button.text);
      label.dir = "auto";
      node.append(label);
      node.dataset.kind = BUTTON_KINDS.find((kind) => kind in button) ?? "other";
      node.button = button;
      if ("url" in button) node.append(icon("link"));
      if ("copy_text" in button) node.append(icon("copy"));
      row.append(node);
    }
    container.append(row);
  }
  return container;
}

export function serviceText(message) {
  const sender = nameOf(message.from);
  if (message.new_chat_members) return `${sender} added ${message.new_chat_members.map(nameOf).join(", ")}`;
  if (message.left_chat_member) return `${sender} removed ${nameOf(message.left_chat_member)}`;
  if (message.forum_topic_created) return `${sender} created the topic “${message.forum_topic_created.name}”`;
  if (message.migrate_to_chat_id) return "This group was upgraded to a supergroup";
  if (message.migrate_from_chat_id) return "This group was upgraded from a basic group";
  return null;
}

export function messageElement(message, { me, isGroup }) {
  const item = element("li", "message");
  Object.assign(item.dataset, { messageId: message.message_id, chatId: message.chat.id });
  item.message = message;
  const service = serviceText(message);
  if (service) {
    item.classList.add("service");
    item.append(element("span", "", service));
    return item;
  }
  const isMine = message.from.id === me.id;
  item.classList.add(isMine ? "out" : "in");
  if (message.from.is_bot) item.classList.add("bot");
  item.tabIndex = -1;
  const column = element("div", "column");
  column.append(bubble(message, isMine, isGroup));
  if (message.reply_markup?.inline_keyboard) column.append(keyboard(message.reply_markup));
  if (isGroup && !isMine) item.append(avatar(element("div", "avatar small"), nameOf(message.from), message.from.id));
  item.append(column, tools(isMine && !message.via_bot && !message.forward_origin));
  return item;
}

function bubble(message, isMine, isGroup) {
  const box = element("div", "bubble");
  const content = media(message);
  if (isGroup && !isMine) {
    const author = element("b", "author", nameOf(message.from));
    author.dataset.color = Math.abs(message.from.id) % 7;
    box.append(author);
  }
  if (message.via_bot) box.append(element("span", "via", `via @${message.via_bot.username}`));
  if (message.forward_origin) {
    box.append(element("span", "via", `Forwarded from ${nameOf(message.forward_origin.sender_user)}`));
  }
  const header = replyHeader(message);
  if (header) box.append(header);
  if (content) box.append(content);
  if (message.photo || message.sticker) box.classList.add(message.photo ? "has-photo" : "bare");
  const text = message.text ?? message.caption;
  if (text !== undefined) {
    const visible = isMine ? visibleText(message) : text;
    const entities = message.entities ?? message.caption_entities;
    const body = formattedText(visible, visible === text ? entities : entities?.slice(0, 1));
    // Space for the time, which is placed at the end of the last line.
    const last = body.lastElementChild;
    (last?.matches(".paragraph") ? last : body).append(
      element("span", isEdited(message) ? "time-space wide" : "time-space"),
    );
    box.append(body);
  }
  box.append(meta(message, isMine));
  if (message.reactions?.length) box.append(element("span", "reactions", message.reactions.join("")));
  return box;
}

// Bots edit messages to turn pages. Telegram's clients do not mark such edits.
const isEdited = (message) => Boolean(message.edit_date) && !message.from.is_bot && !message.via_bot;

function meta(message, isMine) {
  const line = element("span", "meta");
  if (isEdited(message)) line.append(element("span", "edited", "edited"));
  const time = element("time", "", clock(message.date));
  time.dateTime = new Date(message.date * 1000).toISOString();
  line.append(time);
  if (isMine) line.append(icon("ticks"));
  return line;
}

export const clock = (date) =>
  new Date(date * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hour12: false });

function tools(canEdit) {
  const box = element("div", "tools");
  for (const [name, label, isAvailable] of [
    ["reply", "Reply", true],
    ["edit", "Edit", canEdit],
  ]) {
    if (!isAvailable) continue;
    const button = element("button", `icon ${name}`);
    button.type = "button";
    button.dataset.tool = name;
    button.setAttribute("aria-label", label);
    button.append(icon(name));
    box.append(button);
  }
  return box;
}
