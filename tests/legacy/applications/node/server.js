// The pages as an Express site, with express-session and its own store: the last save wins.
'use strict';

const { randomUUID } = require('node:crypto');
const express = require('express');
const session = require('express-session');

const app = express();
const inside = new Map();
let overlaps = 0;

// Around express-session, which stores the session and then ends the response: a writer is inside until then.
app.use((request, response, next) => {
  const { end } = response;
  response.end = function (...rest) {
    if (request.writer) inside.set(request.writer, inside.get(request.writer) - 1);
    request.writer = undefined;
    return end.apply(this, rest);
  };
  response.type('text');
  next();
});

app.get('/none', async (request, response) => {
  await work(request);
  response.send('none');
});
app.get('/stats', (request, response) => response.json({ overlaps }));
app.get('/reset', (request, response) => {
  overlaps = 0;
  response.send('reset');
});

app.use(session({ secret: randomUUID(), resave: false, saveUninitialized: false }));

app.get('/write', async (request, response) => {
  enter(request);
  const { counter = 0 } = request.session;
  await work(request);
  request.session.counter = counter + 1;
  response.send(String(counter + 1));
});

app.get('/read', async (request, response) => {
  const { counter = 0 } = request.session;
  await work(request);
  response.send(String(counter));
});

app.get('/login', async (request, response, next) => {
  enter(request);
  await work(request);
  const { who, counter = 0 } = request.session;
  request.session.regenerate((error) => {
    if (error) return next(error);
    Object.assign(request.session, { who, counter });
    response.send(String(counter));
  });
});

app.get('/inner', async (request, response, next) => {
  const headers = { cookie: request.get('cookie') ?? '' };
  const ticket = request.get('x-onelane-ticket');
  if (ticket) headers['x-onelane-ticket'] = ticket;
  try {
    const answer = await fetch(`http://${request.get('host')}/write?ms=0`, { headers });
    response.send(await answer.text());
  } catch (error) {
    next(error);
  }
});

function enter(request) {
  request.session.who ??= randomUUID(); // the session's, whatever its id becomes
  request.writer = request.session.who;
  const writers = (inside.get(request.writer) ?? 0) + 1;
  inside.set(request.writer, writers);
  if (writers > 1) overlaps += 1;
}

function work(request) {
  return new Promise((resolve) => setTimeout(resolve, Number(request.query.ms ?? 0)));
}

app.listen(Number(process.env.PORT), '127.0.0.1');
